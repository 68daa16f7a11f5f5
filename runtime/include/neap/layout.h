// How the runtime divides the `io` range of the arena. The compiler plans the
// range with neap_io_bytes(); the runtime carves it with the same constants.
//
//   io: | read buffer | write buffer | row index | tensor entries | order |
//
// Nothing here depends on the length of a row or of a file: rows are decoded
// straight into the image's `input_ids` and `labels` ranges.
#ifndef NEAP_LAYOUT_H
#define NEAP_LAYOUT_H

#include <stdint.h>

#ifdef __cplusplus
#define NEAP_CONSTEXPR constexpr
#else
#define NEAP_CONSTEXPR static inline
#endif

#define NEAP_IO_READ_BYTES 32768  // window onto data, weights, adapter files
#define NEAP_IO_WRITE_BYTES 32768 // adapter and gradient files
#define NEAP_IO_INDEX_ROWS 4096   // row starts kept for a JSONL file
#define NEAP_IO_MIN_TENSORS 64    // tensors a tokens file may hold
#define NEAP_STACK_BYTES 65536    // stack of one worker, guard page included
// Anonymous memory outside the arena: .data, .bss and the main thread's stack
// (36 KiB measured with the smallest image; emitted code on that stack may
// take the rest).
#define NEAP_PROCESS_ANON_BYTES 65536

// A tensor found in a safetensors header.
struct neap_tensor_entry {
  uint64_t name_hash; // XXH64 of the name
  int64_t begin, end; // bytes, from the start of the data section
  int64_t shape[2];   // trailing dimensions, 1 where absent
  int32_t rank;
  int32_t type;      // the runtime's code of the dtype
  int64_t parameter; // what the name stands for, -1 for nothing
};

// Tensor entries a trainer with `parameter_count` adapter tensors can need.
NEAP_CONSTEXPR int64_t neap_io_tensors(int64_t parameter_count) {
  return parameter_count > NEAP_IO_MIN_TENSORS ? parameter_count
                                               : NEAP_IO_MIN_TENSORS;
}

// Bytes of the `io` range, a multiple of 64; the range starts 64-byte aligned.
NEAP_CONSTEXPR int64_t neap_io_bytes(int64_t parameter_count) {
  return (NEAP_IO_READ_BYTES + NEAP_IO_WRITE_BYTES +
          NEAP_IO_INDEX_ROWS * (int64_t)sizeof(int64_t) +
          neap_io_tensors(parameter_count) *
              (int64_t)sizeof(struct neap_tensor_entry) +
          parameter_count * (int64_t)sizeof(int32_t) + 63) /
         64 * 64;
}

#endif
