#!/usr/bin/env python3
"""Writes short children's stories from a grammar: python3 generate_text.py --count 10 --seed 1

Each story keeps one hero, one goal and one thing from its first sentence to its last. The plots are in
plots.py, the words in words.py. All of it is this project's own text.
"""
import argparse
import random
import re

import plots
import words

PRONOUNS = {"she": ("she", "her", "her", "herself"), "he": ("he", "him", "his", "himself")}
MIN_WORDS, MAX_WORDS = 60, 180


def with_article(noun):
    return ("an " if noun[0] in "aeiou" else "a ") + noun


class Story:
    """Collects sentences; `slots` holds what {braces} in a template stand for."""

    def __init__(self, rng):
        self.rng = rng
        self.slots = {}
        self.sentences = []
        self.make_hero()
        self.make_friend()
        self.set_place(list(words.PLACES))

    # --- cast -------------------------------------------------------------------------------------------------
    def make_hero(self):
        rng = self.rng
        self.she = rng.random() < 0.5
        self.trait = rng.choice(words.TRAITS)
        self.is_child = rng.random() < 0.6
        if self.is_child:
            kid, home = ("girl" if self.she else "boy"), rng.choice(words.CHILD_HOMES)
            name = rng.choice(words.GIRLS if self.she else words.BOYS)
            if rng.random() < 0.2:
                name = self.rare_name()
        else:
            kid = rng.choice(list(words.ANIMALS))
            home = words.ANIMALS[kid]
            name = rng.choice(words.SHE_PETS if self.she else words.HE_PETS)
        self.kid, self.home = kid, home
        self.named = self.is_child or rng.random() < 0.65
        self.hero = name if self.named else f"the little {kid}"
        self.put_person("", self.hero, self.she)
        self.slots.update(kid=kid, home=home, trait=self.trait, voc=name if self.named else f"little {kid}",
                          akid=with_article(f"{self.trait} {'little ' if rng.random() < 0.3 else ''}{kid}"))

    def rare_name(self):
        """A name made of syllables: teaches the model to keep any name that a reader's prompt may bring."""
        rng = self.rng
        vowels = ["a", "e", "i", "o", "u", "ee", "ar", "an", "el", "or"]
        syllables = [rng.choice("bcdfghjklmnprstvwz") + rng.choice(vowels) for _ in range(rng.choice([1, 1, 2]))]
        endings = ["na", "la", "ra", "ie"] if self.she else ["n", "k", "s", "do"]
        return "".join(syllables).capitalize() + rng.choice(endings)

    def put_person(self, prefix, name, she):
        he, him, his, himself = PRONOUNS["she" if she else "he"]
        key = prefix or "hero"
        self.slots.update({key: name, prefix + "he": he, prefix + "him": him, prefix + "his": his,
                           prefix + "himself": himself})

    def make_friend(self):
        """A friend of the same world as the hero; mostly of the other pronoun, so that 'she' stays clear."""
        rng = self.rng
        she = self.she if rng.random() < 0.15 else not self.she
        if self.is_child:
            pool = words.GIRLS if she else words.BOYS
        else:
            pool = words.SHE_PETS if she else words.HE_PETS
        name = rng.choice([n for n in pool if n != self.hero])
        self.put_person("p", name, she)
        self.slots["pal"] = name
        if self.is_child:
            self.slots["apal"] = f"{self.slots['his']} friend {name}"
            self.slots["plain"] = "girl" if she else "boy"
        else:
            kind = rng.choice([k for k in words.ANIMALS if k != self.kid])
            self.slots["apal"] = f"{self.slots['his']} friend {name} the {kind}"
            self.slots["plain"] = kind
        self.slots["newkid"] = with_article(rng.choice(["shy", "young", "quiet"]) + " " + self.slots["plain"])

    def use_helper(self, kinds=("friend", "animal", "family")):
        """Swaps the friend for whoever may come along: a friend, an animal that speaks, or a grandparent."""
        rng = self.rng
        kind = rng.choice(kinds)
        if kind == "friend":
            return
        if kind == "animal":
            intro, name = rng.choice([h for h in words.HELPERS if self.kid not in h[1]])
            self.put_person("p", name, not self.she)
        else:
            men = [("grandfather", "Grandpa"), ("father", "Dad"), ("uncle", "Uncle Fred")]
            women = [("grandmother", "Grandma"), ("mother", "Mum"), ("aunt", "Aunt May")]
            relation, name = rng.choice(men if self.she else women)
            intro = f"{self.slots['his']} {relation}"
            self.put_person("p", name, not self.she)
        self.slots.update(pal=name, apal=intro)

    def set_place(self, names):
        """One of `names`, with three spots to look at; spot0 is one where somebody may sit."""
        name = self.rng.choice(names)
        to, at, spots, loves = words.PLACES[name]
        seat = self.rng.choice([x for x in spots if x.split()[0] in ("behind", "next", "beside", "near")])
        spots = self.rng.sample(spots, 3)
        love = self.rng.choice([x for x in loves if self.kid not in x])
        self.slots.update(to=to, at=at, spot0=seat, spot1=spots[0], spot2=spots[1], spot3=spots[2], love=love,
                          fun=f"{love} {at}")

    def own_toy(self, things):
        thing = self.rng.choice(list(things))
        toy = self.rng.choice(words.TOYS[thing]) + " " + thing
        self.slots.update(thing=thing, toy=toy, atoy=with_article(toy))

    def at_home(self, fun, room):
        self.slots.update(fun=fun, to=f"into the {room}", at=f"in the {room}")

    # --- text -------------------------------------------------------------------------------------------------
    def fill(self, template):
        """Chooses one of every [a|b|c], innermost first, then fills {slots}; {Slot} is the slot capitalised."""
        while True:
            match = re.search(r"\[([^\[\]]*)\]", template)
            if not match:
                break
            choice = self.rng.choice(match.group(1).split("|"))
            template = template[:match.start()] + choice + template[match.end():]

        def slot(match):
            key = match.group(1)
            if key in self.slots:
                return self.slots[key]
            value = self.slots[key[0].lower() + key[1:]]
            return value[0].upper() + value[1:]

        return re.sub(r"\{(\w+)\}", slot, template)

    def say(self, *templates):
        self.sentences.append(self.fill(self.rng.choice(templates)))

    def maybe(self, chance, *templates):
        if self.rng.random() < chance:
            self.say(*templates)

    def end(self, *morals):
        """The closing: how it feels, what was learned, and sometimes the words 'The end.'"""
        self.maybe(0.85, *morals)
        self.maybe(0.15, "The end.")

    def open(self, *acts, day="[One|One|One sunny|One bright|One cool] [day|day|morning|afternoon]"):
        """Introduces the hero and sets out; each act is a predicate such as 'went {to}'."""
        self.slots["act"] = self.fill(self.rng.choice(acts))
        later = day + ", [{he}|{he}|{hero}] {act}."
        style = self.rng.choice(plots.OPENINGS if self.named else plots.OPENINGS_UNNAMED)
        adjectives = ["little", "little", "small", "young"]
        if "{trait}" not in style and "{akid}" not in style:
            adjectives += [self.trait, f"{self.trait} little"]
        little = with_article(self.rng.choice(adjectives) + " " + self.kid)
        self.slots["someone"] = f"{little} [named|named|called] {self.hero}" if self.named else little
        self.slots["someone"] = self.fill(self.slots["someone"])
        self.sentences.append(self.fill(style.replace("<later>", later).replace("<day>", day)))

    def text(self):
        return " ".join(self.sentences)


def make_story(rng):
    """One story within the length limits, and its plot's name."""
    while True:
        story = Story(rng)
        plot = rng.choice(plots.PLOTS)
        plot(story)
        text = story.text()
        if MIN_WORDS <= len(text.split()) <= MAX_WORDS:
            return text, plot.__name__


def stories(count, seed):
    rng = random.Random(seed)
    return [make_story(rng)[0] for _ in range(count)]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=5)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    print("\n\n".join(stories(args.count, args.seed)))


if __name__ == "__main__":
    main()
