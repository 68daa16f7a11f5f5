#!/usr/bin/env python3
"""Holds the trainer against an independent reference, with no outside data.

For generated tiny models of each architecture and export style, and for import
fixtures written by other styles of exporter: losses and
gradients against a float64 interpreter of the ONNX graph (gradients by central
differences along one direction per adapter tensor), and clipping, schedule and
AdamW against a few lines of Python that start from the dumped gradients.

Usage: reference_check.py [CASE...]
"""
import math
import random
import re
import sys
from pathlib import Path

import support

sys.path.insert(0, str(Path(__file__).resolve().parent / "reference"))
from interpreter import Reference  # noqa: E402

LLAMA = support.LLAMA_TARGETS
GPT2 = ["c_attn", "c_proj", "c_fc"]
CASES = {  # name: (generator arguments, targets, vocabulary)
    "llama-folded": (["--preset", "tiny"], LLAMA, 256),
    "llama-fp16-nofold": (["--preset", "tiny", "--dtype", "fp16", "--style", "nofold"], LLAMA, 256),
    "llama-odd-bf16-external": (["--preset", "tiny-odd", "--dtype", "bf16", "--external-data"], LLAMA, 251),
    "llama-static": (["--preset", "tiny", "--static", "--batch", "1", "--seq", "17"], ["q_proj", "down_proj"], 256),
    "qwen2-nofold": (["--preset", "tiny-qwen2", "--style", "nofold"], ["q_proj", "v_proj", "up_proj"], 256),
    "gpt2-folded": (["--preset", "tiny-gpt2"], GPT2, 256),
}
FIXTURES = {  # name: targets; test/Import/fixtures, in which every linear but the head is adapted
    "opset13-partial": ["q_proj", "k_proj", "v_proj", "dense", "fc1", "fc2"],
    "opset14-interleaved": ["q_proj", "k_proj", "v_proj", "out_proj", "w1", "w2", "w3"],
    "opset17-half": LLAMA,
    "opset18-script": ["qkv_proj", "o_proj", "gate_up_proj", "down_proj"],
}
FIXTURE_VOCABULARY = 12
LENGTH, BATCH, WINDOW, STEPS = 17, 1, 2, 4
LEARNING_RATE, WARMUP, DECAY, CLIP = 0.01, 1, 0.1, 0.5
BETA1, BETA2, EPSILON = 0.9, 0.95, 1e-8
RANK, ALPHA = 4, 8
DIFFERENCE = 1e-4  # step of the central difference, in float64
LOSS_TOLERANCE, GRADIENT_TOLERANCE, UPDATE_TOLERANCE = 2e-5, 1e-4, 1e-4


def module_and_side(key):
    """PEFT key -> (module path, 0 for A or 1 for B)."""
    match = re.fullmatch(r"base_model\.model\.(.*)\.lora_([AB])\.weight", key)
    assert match, f"'{key}' is not a PEFT LoRA key"
    return match.group(1), "AB".index(match.group(2))


def as_adapter(tensors):
    """{key: (shape, values)} -> {module: [rows of A, rows of B]}."""
    adapter = {}
    for key, (shape, values) in tensors.items():
        module, side = module_and_side(key)
        rows = [list(values[i * shape[1]:(i + 1) * shape[1]]) for i in range(shape[0])]
        adapter.setdefault(module, [None, None])[side] = rows
    return adapter


def random_adapter(like, path, seed):
    """An adapter of the same shapes in which neither A nor B is zero."""
    rng = random.Random(seed)
    tensors = {k: ("F32", shape, [rng.gauss(0, 0.1) for _ in values])
               for k, (shape, values) in support.read_safetensors(like).items()}
    path.mkdir()
    support.write_safetensors(path / "adapter_model.safetensors", tensors)
    return support.read_safetensors(path / "adapter_model.safetensors")


def shifted(tensors, key, direction, size):
    shape, values = tensors[key]
    moved = dict(tensors)
    moved[key] = (shape, [v + size * d for v, d in zip(values, direction)])
    return as_adapter(moved)


def check_gradients(reference, tensors, gradients, rows, seed):
    """Worst error of the directional derivatives, relative to each gradient's norm."""
    rng, errors = random.Random(seed), []
    assert gradients.keys() == tensors.keys(), "gradients and adapter have different tensors"
    for key, (_, gradient) in gradients.items():
        norm = math.sqrt(sum(g * g for g in gradient))
        assert norm > 0, f"the gradient of '{key}' is zero"
        noise = [rng.gauss(0, 1) for _ in gradient]
        scale = math.sqrt(sum(n * n for n in noise))
        direction = [g / norm + n / scale for g, n in zip(gradient, noise)]
        ahead, behind = (reference.loss(rows, shifted(tensors, key, direction, s))
                         for s in (DIFFERENCE, -DIFFERENCE))
        slope = sum(g * d for g, d in zip(gradient, direction))
        error = abs((ahead - behind) / (2 * DIFFERENCE) - slope) / norm
        assert error <= GRADIENT_TOLERANCE, f"the gradient of '{key}' is off by {error:.3g} of its norm"
        errors.append(error)
    return support.worst(errors)


def schedule(step):
    """Learning rate of optimizer step `step` (from 0): linear warm-up, then cosine."""
    if step < WARMUP:
        return LEARNING_RATE * step / WARMUP
    progress = (step - WARMUP) / (STEPS - WARMUP)
    return LEARNING_RATE * 0.5 * (1 + math.cos(math.pi * progress))


def check_update(tensors, gradient_folder, steps, final):
    """Replays clipping and AdamW from the dumped gradients; worst relative error."""
    values = {k: list(v) for k, (_, v) in tensors.items()}
    first, second = ({k: [0.0] * len(v) for k, v in values.items()} for _ in range(2))
    for index, step in enumerate(steps):
        gradients = support.read_safetensors(gradient_folder / f"step{index + 1}.safetensors")
        norm = math.sqrt(sum(g * g for _, v in gradients.values() for g in v))
        assert abs(step["grad_norm"] - norm) <= 1e-5 * norm, \
            f"step {index + 1}: grad_norm {step['grad_norm']}, expected {norm}"
        rate = schedule(index)
        assert abs(step["learning_rate"] - rate) <= 1e-6 * LEARNING_RATE, \
            f"step {index + 1}: learning_rate {step['learning_rate']}, expected {rate}"
        clip = min(1.0, CLIP / (norm + 1e-6))
        for key, (_, gradient) in gradients.items():
            w, m, v = values[key], first[key], second[key]
            for i, g in enumerate(gradient):
                g *= clip
                m[i] = BETA1 * m[i] + (1 - BETA1) * g
                v[i] = BETA2 * v[i] + (1 - BETA2) * g * g
                root = math.sqrt(v[i] / (1 - BETA2 ** (index + 1))) + EPSILON
                w[i] -= rate * (DECAY * w[i] + m[i] / (1 - BETA1 ** (index + 1)) / root)
    errors = []
    for key, (_, found) in final.items():
        error, _ = support.relative_error(found, values[key])
        assert error <= UPDATE_TOLERANCE, f"'{key}' is off by {error:.3g} after {len(steps)} updates"
        errors.append(error)
    return support.worst(errors)


def rows_of(path):
    tensors = support.read_safetensors(path)
    (count, length), ids = tensors["input_ids"]
    labels = tensors["labels"][1]
    return [(list(ids[i:i + length]), list(labels[i:i + length]))
            for i in range(0, count * length, length)]


def evaluated_loss(job, tokens, adapter):
    log = Path(str(adapter) + ".eval.jsonl")
    support.checked(job / "trainer", "eval", "--tokens", tokens, "--adapter", adapter, "--log", log)
    return next(e["loss"] for e in support.events_of(log) if e["event"] == "eval")


def model_of(name, work):
    """(model file, targets, vocabulary) of a case."""
    if name in FIXTURES:
        path = support.ROOT / "test" / "Import" / "fixtures" / f"{name}.onnx"
        return path, FIXTURES[name], FIXTURE_VOCABULARY
    arguments, targets, vocabulary = CASES[name]
    return support.generate(work / "model.onnx", "--seed", "5", *arguments), targets, vocabulary


def check_case(name, work):
    model, targets, vocabulary = model_of(name, work)
    lora = support.write_lora(work / "lora.json", targets, r=RANK, lora_alpha=ALPHA,
                              fan_in_fan_out="gpt2" in name)
    train = support.write_train(
        work / "train.json", max_length=LENGTH, per_device_train_batch_size=BATCH,
        gradient_accumulation_steps=WINDOW, max_steps=STEPS, learning_rate=LEARNING_RATE,
        lr_scheduler_type="cosine", warmup_steps=WARMUP, weight_decay=DECAY, max_grad_norm=CLIP,
        adam_beta1=BETA1, adam_beta2=BETA2, adam_epsilon=EPSILON)
    tokens = support.write_tokens(work / "tokens.safetensors", BATCH * WINDOW * STEPS, LENGTH, vocabulary)
    job = support.compile_job(model, lora, train, work / "job")
    support.train_job(job, work / "shapes", "--tokens", tokens, "--steps", "1")
    tensors = random_adapter(work / "shapes" / "adapter_model.safetensors", work / "init", seed=9)
    grads, out = work / "grads", work / "out"
    steps = support.train_job(job, out, "--tokens", tokens, "--init", work / "init",
                              "--dump-grads", grads, "--threads", "2")
    reference = Reference(model, ALPHA / RANK)
    rows = rows_of(tokens)
    window = rows[:BATCH * WINDOW]
    loss_error = abs(steps[0]["loss"] - reference.loss(window, as_adapter(tensors)))
    assert loss_error <= LOSS_TOLERANCE, f"the first loss is off by {loss_error:.3g}"
    gradient_error = check_gradients(reference, tensors,
                                     support.read_safetensors(grads / "step1.safetensors"), window, 3)
    final = support.read_safetensors(out / "adapter_model.safetensors")
    update_error = check_update(tensors, grads, steps, final)
    final_loss = reference.loss(rows, as_adapter(final))
    eval_error = abs(evaluated_loss(job, tokens, out) - final_loss)
    assert eval_error <= LOSS_TOLERANCE, f"eval is off by {eval_error:.3g}"
    return loss_error, gradient_error, update_error, eval_error


def main():
    failures = []
    print(f"{'case':26} {'loss':>10} {'gradients':>10} {'update':>10} {'eval':>10}")
    for name in sys.argv[1:] or [*CASES, *FIXTURES]:
        with support.Workspace() as work:
            try:
                text = " ".join(f"{e:10.2e}" for e in check_case(name, work))
            except AssertionError as error:
                failures.append(name)
                text = f"FAILED: {error}"
        print(f"{name:26} {text}", flush=True)
    if failures:
        sys.exit(f"failed: {', '.join(failures)}")


if __name__ == "__main__":
    main()
