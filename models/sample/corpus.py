#!/usr/bin/env python3
"""Generates the text that the sample model is pretrained on.

Everything is made from the word lists below by a seeded generator, so the
text is ours, has no licence to carry, and comes out the same on any machine.
Documents are separated by one byte 0x00; the trainer of the model turns it
into the end-of-text id.

Usage: corpus.py [--documents N] [--seed S] > corpus.txt
"""
import argparse
import random
import sys

NAMES = """Ada Ben Clara Dina Elias Finn Greta Hugo Ines Jonas Kira Leo Mara Nils Olga Paul
Quinn Rosa Sam Tilda Umar Vera Wim Yara Zeno Alma Boris Cora Dario Edda Fritz Gina Henk Ida Jasper
Katja Lars Mina Noor Otto""".split()
SURNAMES = """Adler Brook Carter Dale Ernst Field Grove Hart Iver Jansen Keller Lind Marsh North
Olsen Parker Reed Stone Turner Vance Weber Young""".split()
TOWNS = """Oldbridge Harbour Millfield Stonegate Westbury Northam Lakeside Fernhill Redcliff Ashford
Brightsea Coldwater Elmwood Greendale Hillcrest Ironbrook Kingsport Larkton Maplewood Riverton""".split()
JOBS = """baker teacher nurse carpenter gardener pilot painter farmer doctor driver cook sailor
librarian plumber tailor singer builder engineer florist postman""".split()
HOBBIES = [
    "painting small pictures", "growing tomatoes", "playing the piano", "riding a bicycle",
    "reading old books", "baking bread", "collecting stamps", "walking in the hills",
    "swimming in the lake", "playing chess", "fishing at dawn", "watching birds",
    "singing in a choir", "mending clocks", "knitting scarves", "climbing rocks"]
FOODS = ["pancakes", "tomato soup", "fresh bread", "apple pie", "fried rice", "pea soup",
         "roast potatoes", "fish stew", "noodles", "cheese toast", "plum cake", "lentil curry"]
DRINKS = ["black tea", "coffee with milk", "apple juice", "cold water", "mint tea", "hot chocolate"]
COLOURS = "red blue green yellow white black brown grey orange purple".split()
PETS = "dog cat rabbit parrot tortoise hamster pony goat duck goldfish".split()
PET_NAMES = """Biscuit Pepper Shadow Clover Ginger Button Maple Rusty Pickle Olive Sunny Thistle
Cocoa Domino Ziggy Hazel""".split()
SEASONS = ["spring", "summer", "autumn", "winter"]
DAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()
MONTHS = """January February March April May June July August September October November
December""".split()
TRANSPORT = ["by bus", "by train", "by bicycle", "on foot", "by boat", "by car"]
RELATIVES = ["brother", "sister", "mother", "father", "uncle", "aunt", "grandmother", "cousin"]
WEATHER = ["sunny", "rainy", "windy", "cold", "warm", "foggy", "snowy", "cloudy"]
PLACES = ["the market", "the library", "the park", "the harbour", "the old mill", "the forest",
          "the school", "the bakery", "the station", "the river", "the museum", "the garden"]
OBJECTS = ["a silver key", "an old map", "a small lamp", "a broken clock", "a wooden box",
           "a warm coat", "a letter", "a basket of apples", "a blue cup", "a long rope"]
ADJECTIVES = "small old quiet bright clever kind hungry tired brave gentle curious young".split()
NUMBERS = """zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen
fifteen sixteen seventeen eighteen nineteen twenty""".split()

# Everyday facts: (subject, relation, object) with the sentence and question of each relation.
ANIMALS = {
    "dog": ("barks", "four", "a kennel", "puppy"), "cat": ("meows", "four", "a house", "kitten"),
    "cow": ("moos", "four", "a barn", "calf"), "horse": ("neighs", "four", "a stable", "foal"),
    "duck": ("quacks", "two", "a pond", "duckling"), "sheep": ("bleats", "four", "a field", "lamb"),
    "lion": ("roars", "four", "the savanna", "cub"), "frog": ("croaks", "four", "a pond", "tadpole"),
    "owl": ("hoots", "two", "a tree", "owlet"), "pig": ("grunts", "four", "a sty", "piglet"),
    "hen": ("clucks", "two", "a coop", "chick"), "bee": ("buzzes", "six", "a hive", "larva"),
    "wolf": ("howls", "four", "the forest", "pup"), "mouse": ("squeaks", "four", "a hole", "pup")}
THINGS = {
    "knife": ("cut bread", "the kitchen", "steel"), "spoon": ("eat soup", "the kitchen", "steel"),
    "broom": ("sweep the floor", "the cupboard", "wood"), "pen": ("write a letter", "the desk", "plastic"),
    "lamp": ("light a room", "the living room", "glass"), "hammer": ("drive nails", "the shed", "iron"),
    "needle": ("sew cloth", "the drawer", "steel"), "kettle": ("boil water", "the kitchen", "metal"),
    "towel": ("dry your hands", "the bathroom", "cotton"), "ladder": ("reach the roof", "the shed", "wood"),
    "bucket": ("carry water", "the garden", "plastic"), "mirror": ("see your face", "the hall", "glass"),
    "blanket": ("keep warm", "the bedroom", "wool"), "saw": ("cut wood", "the shed", "steel")}
COLOUR_OF = {"grass": "green", "snow": "white", "the sky": "blue", "blood": "red", "coal": "black",
             "a lemon": "yellow", "a carrot": "orange", "milk": "white", "a ripe tomato": "red",
             "chocolate": "brown", "an elephant": "grey", "a plum": "purple", "a leaf": "green"}
OPPOSITES = {"hot": "cold", "big": "small", "fast": "slow", "high": "low", "old": "young",
             "early": "late", "full": "empty", "hard": "soft", "light": "dark", "loud": "quiet",
             "near": "far", "open": "closed", "rich": "poor", "wet": "dry", "long": "short",
             "happy": "sad", "strong": "weak", "thick": "thin", "sweet": "sour", "first": "last"}


def article(noun):
    return ("an " if noun[0] in "aeiou" else "a ") + noun


def qa(question, answer):
    return f"Question: {question}\nAnswer: {answer}"


def person(rng):
    """A random person: the slots that profiles, interviews and stories fill."""
    she = rng.random() < 0.5
    return {
        "name": rng.choice(NAMES), "surname": rng.choice(SURNAMES), "town": rng.choice(TOWNS),
        "job": rng.choice(JOBS), "hobby": rng.choice(HOBBIES), "food": rng.choice(FOODS),
        "drink": rng.choice(DRINKS), "colour": rng.choice(COLOURS), "pet": rng.choice(PETS),
        "petname": rng.choice(PET_NAMES), "season": rng.choice(SEASONS), "day": rng.choice(DAYS),
        "month": rng.choice(MONTHS), "date": str(rng.randint(1, 28)), "age": str(rng.randint(18, 80)),
        "transport": rng.choice(TRANSPORT), "relative": rng.choice(RELATIVES),
        "relname": rng.choice(NAMES), "reltown": rng.choice(TOWNS), "house": rng.choice(COLOURS),
        "number": str(rng.randint(2, 99)), "he": "she" if she else "he",
        "his": "her" if she else "his", "him": "her" if she else "him"}


# One row per fact: third-person sentence, questions about the person, questions to the person,
# first-person answer.
FACTS = [
    ("{name} lives in {town}.",
     ["Where does {name} live?", "In which town does {name} live?"],
     ["Where do you live?", "Which town is your home?", "What town do you live in?"],
     "I live in {town}."),
    ("{name} works as {job_a}.",
     ["What is {name}'s job?", "What does {name} do for a living?"],
     ["What is your job?", "What do you do for a living?", "What work do you do?"],
     "I work as {job_a}."),
    ("{name} has {pet_a} called {petname}.",
     ["What is the name of {name}'s {pet}?", "Which pet does {name} have?"],
     ["Do you have a pet?", "What is your {pet} called?", "What is the name of your {pet}?"],
     "I have {pet_a} called {petname}."),
    ("{name} likes {hobby}.",
     ["What does {name} like to do?", "What is {name}'s hobby?"],
     ["What do you like to do?", "What is your hobby?", "How do you spend your free time?"],
     "I like {hobby}."),
    ("{name} loves to eat {food}.",
     ["What does {name} love to eat?", "What is {name}'s favourite food?"],
     ["What is your favourite food?", "What do you love to eat?", "Which dish do you like best?"],
     "My favourite food is {food}."),
    ("{name} drinks {drink} every morning.",
     ["What does {name} drink in the morning?"],
     ["What do you drink in the morning?", "What is your favourite drink?"],
     "I drink {drink} every morning."),
    ("{name}'s favourite colour is {colour}.",
     ["What is {name}'s favourite colour?", "Which colour does {name} like?"],
     ["What is your favourite colour?", "Which colour do you like best?"],
     "My favourite colour is {colour}."),
    ("{name} is {age} years old.",
     ["How old is {name}?"], ["How old are you?", "What is your age?"], "I am {age} years old."),
    ("{name} was born on {date} {month}.",
     ["When was {name} born?", "When is {name}'s birthday?"],
     ["When is your birthday?", "On which day were you born?"],
     "My birthday is on {date} {month}."),
    ("{name} goes to work {transport}.",
     ["How does {name} go to work?"],
     ["How do you go to work?", "How do you travel to work?"], "I go to work {transport}."),
    ("{name}'s {relative} {relname} lives in {reltown}.",
     ["Where does {name}'s {relative} live?", "What is the name of {name}'s {relative}?"],
     ["Where does your {relative} live?", "What is your {relative} called?"],
     "My {relative} {relname} lives in {reltown}."),
    ("{name} rests on {day}.",
     ["On which day does {name} rest?"], ["On which day do you rest?", "Which day is your day off?"],
     "I rest on {day}."),
    ("{name} likes {season} best.",
     ["Which season does {name} like best?"],
     ["Which season do you like best?", "What is your favourite season?"], "I like {season} best."),
    ("{name} lives in {house_a} house at number {number}.",
     ["What colour is {name}'s house?", "What is the number of {name}'s house?"],
     ["What does your house look like?", "What is your house number?"],
     "I live in {house_a} house at number {number}."),
]
OPENERS = ["", "", "", "", "Well, ", "Oh, ", "Sure. ", "Thank you for asking. "]
CLOSERS = ["", "", "", "", " That is all.", " It makes me happy.", " And you?", " Ask me more."]


def fill(template, p):
    return template.format(job_a=article(p["job"]), pet_a=article(p["pet"]),
                           house_a=article(p["house"]), **p)


def profile(rng):
    """A person in the third person, then questions that the text answers."""
    p = person(rng)
    facts = rng.sample(FACTS, rng.randint(3, 6))
    lines = [f"{p['name']} {p['surname']} is {article(rng.choice(ADJECTIVES))} person."]
    for i, fact in enumerate(facts):
        sentence = fill(fact[0], p)
        if i % 2 and sentence.startswith(p["name"] + " "):
            sentence = p["he"].capitalize() + sentence[len(p["name"]):]
        lines.append(sentence)
    rows = []
    for fact in rng.sample(facts, min(3, len(facts))):
        sentence = fill(fact[0], p)
        rows.append(qa(fill(rng.choice(fact[1]), p), sentence))
    return " ".join(lines) + "\n" + "\n".join(rows)


def interview(rng):
    """Questions to a person, answered in the first person."""
    p = person(rng)
    rows = [qa("What is your name?", f"My name is {p['name']} {p['surname']}.")] if rng.random() < 0.5 else []
    for fact in rng.sample(FACTS, rng.randint(2, 5)):
        opener, answer = rng.choice(OPENERS), fill(fact[3], p)
        if opener.endswith(", ") and answer.startswith("My "):
            answer = "my" + answer[2:]
        answer = opener + answer + rng.choice(CLOSERS)
        rows.append(qa(fill(rng.choice(fact[2]), p), answer))
    return "\n".join(rows)


def animal_fact(rng):
    animal, (sound, legs, home, child) = rng.choice(list(ANIMALS.items()))
    a = article(animal)
    return rng.choice([
        qa(f"What sound does {a} make?", f"{a.capitalize()} {sound}."),
        qa(f"How many legs does {a} have?", f"{a.capitalize()} has {legs} legs."),
        qa(f"Where does {a} live?", f"{a.capitalize()} lives in {home}."),
        qa(f"What is a young {animal} called?", f"A young {animal} is called {article(child)}."),
        f"{a.capitalize()} {sound}. It has {legs} legs and lives in {home}. "
        f"A young {animal} is called {article(child)}."])


def thing_fact(rng):
    thing, (use, place, material) = rng.choice(list(THINGS.items()))
    a = article(thing)
    return rng.choice([
        qa(f"What do you do with {a}?", f"You use {a} to {use}."),
        qa(f"Where do you keep {a}?", f"You keep {a} in {place}."),
        qa(f"What is {a} made of?", f"{a.capitalize()} is made of {material}."),
        f"{a.capitalize()} is made of {material}. You keep it in {place} and use it to {use}."])


def word_fact(rng):
    kind = rng.randrange(5)
    if kind == 0:
        thing, colour = rng.choice(list(COLOUR_OF.items()))
        return qa(f"What colour is {thing}?", f"{thing.capitalize()} is {colour}.")
    if kind == 1:
        word, other = rng.choice(list(OPPOSITES.items()))
        if rng.random() < 0.5:
            word, other = other, word
        return qa(f"What is the opposite of {word}?", f"The opposite of {word} is {other}.")
    cycle = rng.choice([DAYS, MONTHS])
    i = rng.randrange(len(cycle))
    if kind == 2:
        return qa(f"What comes after {cycle[i]}?", f"After {cycle[i]} comes {cycle[(i + 1) % len(cycle)]}.")
    if kind == 3:
        return qa(f"What comes before {cycle[i]}?", f"Before {cycle[i]} comes {cycle[i - 1]}.")
    noun = rng.choice(list(ANIMALS))
    return qa(f"How do you spell {noun}?", f"{noun.capitalize()} is spelled {'-'.join(noun)}.")


def arithmetic(rng):
    rows = []
    for _ in range(rng.randint(1, 4)):
        a, b = rng.randint(0, 20), rng.randint(0, 20)
        if rng.random() < 0.5:
            rows.append(qa(f"What is {a} plus {b}?", f"{a} plus {b} is {a + b}."))
        elif rng.random() < 0.5:
            a, b = max(a, b), min(a, b)
            rows.append(qa(f"What is {a} minus {b}?", f"{a} minus {b} is {a - b}."))
        else:
            a, b = rng.randint(0, 10), rng.randint(0, 2)
            rows.append(qa(f"What is {NUMBERS[a]} times {NUMBERS[b]}?",
                           f"{NUMBERS[a].capitalize()} times {NUMBERS[b]} is {NUMBERS[a * b]}."))
    return "\n".join(rows)


def story(rng):
    """A short tale with a beginning, a find, a helper and an end."""
    p, q = person(rng), person(rng)
    place, other, thing = rng.choice(PLACES), rng.choice(PLACES), rng.choice(OBJECTS)
    noun = thing.split(" ", 1)[1]
    he, his = p["he"], p["his"]
    parts = [
        rng.choice([
            f"One {rng.choice(WEATHER)} {p['day']} {p['name']} went to {place} with {his} {p['pet']} {p['petname']}.",
            f"Once there was {article(rng.choice(ADJECTIVES))} {p['job']} called {p['name']} who lived in {p['town']}.",
            f"It was a {rng.choice(WEATHER)} morning in {p['month']}, and {p['name']} was on the way to {place}."]),
        rng.choice([
            f"Near {other} {he} found {thing}.", f"There {he} saw {thing} lying on the ground.",
            f"Under a tree {he} found {thing} and picked it up."]),
        rng.choice([
            f"\"Whose {noun} is this?\" asked {p['name']}.", f"\"I wonder who lost this,\" said {p['name']}.",
            f"{p['name']} thought about it for a long time."]),
        rng.choice([
            f"Then {q['name']} came along and said, \"That is mine!\"",
            f"{q['name']}, the {q['job']}, had been looking for the {noun} all day.",
            f"In the afternoon {he} met {q['name']} at {other}."]),
        rng.choice([
            f"{p['name']} gave the {noun} to {q['name']}, and they ate {p['food']} together.",
            f"\"Thank you,\" said {q['name']}, and gave {p['name']} some {q['food']}.",
            f"They carried the {noun} home to {q['town']} {q['transport']}."]),
        rng.choice([
            "From that day on they were good friends.", f"In the evening {p['name']} was tired but happy.",
            f"{p['name']} never forgot that {p['day']}.", "And that was the end of a good day."])]
    text = " ".join(parts)
    if rng.random() < 0.4:
        text += "\n" + qa(f"What did {p['name']} find?", f"{p['name']} found {thing}.")
    return text


KINDS = [(profile, 30), (interview, 30), (story, 22), (animal_fact, 5), (thing_fact, 5),
         (word_fact, 4), (arithmetic, 4)]


def documents(count, seed):
    rng = random.Random(seed)
    makers, weights = zip(*KINDS)
    for _ in range(count):
        yield rng.choices(makers, weights)[0](rng)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--documents", type=int, default=20000)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    sys.stdout.write("\0".join(documents(args.documents, args.seed)))


if __name__ == "__main__":
    main()
