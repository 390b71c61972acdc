"""The plots of the story grammar. In a template, [a|b] is a choice and {slot} is a word of this story."""

import plots_more
import words

OPENINGS = [
    "Once upon a time, there was {someone}. {He} lived {home}. <later>",
    "Once upon a time, there was {someone}. {He} was very {trait} and [loved|liked] to {fun}. <later>",
    "Once upon a time, there was {someone} who [loved|liked] to {fun}. <later>",
    "Once upon a time, {someone} lived {home}. {He} loved to {fun}. <later>",
    "There once was {someone} who lived {home}. <later>",
    "{Someone} lived {home}. {He} was very {trait}. <later>",
    "{Someone} lived {home}. {Hero} loved to {fun}. <later>",
    "A {kid} named {hero} lived {home}. {He} [liked|loved] to {fun}. <later>",
    "A {kid} named {hero} {act}. {Hero} was very {trait}.",
    "{Hero} was {akid} who lived {home}. {He} loved to {fun}. <later>",
    "{Hero} was {akid}. More than anything, {he} loved to {fun}. <later>",
    "<day>, {someone} {act}. {He} was very {trait}.",
    "<day>, {someone} {act}. {Hero} [loved|liked] to {fun}.",
    "<day>, {hero} {act}. {Hero} was {akid} who lived {home}.",
    "Long ago, {someone} lived {home}. <later>",
    "It was a [sunny|warm|windy|beautiful] day. {Someone} {act}.",
]
OPENINGS_UNNAMED = [
    "Once upon a time, there was a little {kid}. {He} lived {home}. <later>",
    "Once upon a time, there was a little {kid} who [loved|liked] to {fun}. <later>",
    "The little {kid} lived {home}. {He} was very {trait}. <later>",
    "The little {kid} lived {home}. {He} [loved|liked] to {fun}. <later>",
    "The little {kid} woke up early. The sun was shining and the birds were singing. That morning, {he} {act}.",
    "The little {kid} was [happy|wide awake|in a good mood]. It was a beautiful day. That morning, {he} {act}.",
    "The little {kid} {act}. {He} was very {trait} and loved to {fun}.",
    "<day>, the little {kid} {act}. {He} was very {trait}.",
    "<day>, a little {kid} {act}. {He} [loved|liked] to {fun}.",
    "Far away, a little {kid} lived {home}. <later>",
]
WEATHER = ["The sun was [warm|bright] and the sky was [blue|clear].", "A soft wind was blowing.",
           "White clouds moved [slowly|softly] across the sky.", "The birds were singing."]


def lost_toy(s):
    s.own_toy(words.TOYS)
    s.use_helper()
    s.open("took {his} {toy} {to}", "went {to} with {his} {toy}", "was playing {at} with {his} {toy}")
    s.maybe(0.4, *WEATHER)
    s.say("{He} put the {thing} down to {love}. When {he} came back, the {thing} was gone.",
          "{He} stopped to {love}, and when {he} looked again, the {thing} was gone.",
          "After a while, {he} noticed that the {thing} was missing.")
    s.maybe(0.5, '"Oh no!" [cried|said] {hero}. "Where is my {thing}?"')
    s.say("{He} looked {spot1}, but the {thing} was not there.",
          "First, {he} searched {spot1}, but {he} found nothing.")
    s.maybe(0.7, "Then {he} looked {spot2}, but it was not there either.",
            "{He} looked {spot2} too, but there was no {thing}.")
    s.say("{Hero} sat down and began to cry.", "{Hero} felt very sad.", "{Hero} did not know what to do.")
    s.say('Then {apal} came by. "What is wrong, {voc}?" asked {pal}.',
          'Just then, {apal} came along and asked, "Why are you so sad?"')
    s.say('"I lost my {thing}," said {hero}. "I cannot find it anywhere."', '"My {toy} is gone," said {hero}.')
    s.say('"I will help you," said {pal}. "Let us look {spot3}."',
          '"I saw something {spot3}," said {pal}. "Come with me!"')
    s.say("They went there together, and there it was! The {thing} was {spot3}.",
          "Together they looked {spot3}. There was the {toy}!", "{Pal} was right. The {thing} was {spot3}.")
    s.say('{Hero} was so happy that {he} jumped up and down. "Thank you!" {he} said.',
          "{Hero} hugged {pal} and smiled a big smile.",
          '"Thank you for your help!" said {hero}, and {he} gave {pal} a hug.')
    s.end("From that day on, {hero} took good care of {his} {thing}.", "{Hero} never left {his} {thing} alone again.",
          "They played with the {thing} until it was time to go home.")


def high_thing(s):
    thing = s.rng.choice(list(words.HIGH))
    fruit = thing in ("apple", "pear", "plum")
    s.slots.update(thing=thing, toy=words.HIGH[thing] + " " + thing)
    s.set_place(["park", "forest", "garden", "farm", "meadow"])
    s.open("went {to}", "was walking {at}", "was playing {at}")
    if fruit:
        s.say("{He} saw a {toy} at the top of a tree.", "High up in a tree, there was a {toy}.")
        s.say("{Hero} was hungry and wanted to eat it.", "It looked sweet, and {hero} wanted to have it.")
    else:
        s.say("The wind blew {his} {toy} up into a tree.",
              "{He} had a {toy} with {him}, but the wind carried it up into a tree.")
        s.say("{Hero} wanted to get it back.", '"Oh no, my {thing}!" cried {hero}.')
    s.say("{He} jumped as high as {he} could, but the {thing} was too high.",
          "{He} reached up with both arms, but {he} was too small.",
          "{He} shook the tree, but the {thing} did not fall.")
    s.maybe(0.5, "{He} tried again and again, but it was no use.",
            "Then {he} tried with a long stick, but the stick broke.")
    s.say("{Apal} saw {him} and came over.", "Then {apal} came by.")
    s.say('"Climb on my back," said {pal}. "Together we are tall enough."',
          '"If you stand on my back, you can reach it," said {pal}.',
          '"Let us work together," said {pal}. "You can climb on my back."')
    s.say("{Hero} climbed up, stretched out {his} arm, and took the {thing}.",
          "{Hero} climbed up carefully. Now {he} could reach the {thing}!")
    if fruit:
        s.say("They cut the {thing} in two and shared it. It was very sweet.",
              "{Hero} gave half of the {thing} to {pal}. It tasted wonderful.")
    else:
        s.say("{Hero} held the {thing} tight and laughed with joy.",
              '"I have it!" {he} shouted. {Pal} laughed and clapped.')
    s.end("They learned that friends can reach higher together.", "{Hero} was glad to have such a good friend.",
          "After that, {hero} and {pal} met under the tree every day.")


def baking(s):
    food = s.rng.choice(list(words.FOODS))
    s.slots.update(food=food, item=words.FOODS[food],
                   portion={"cake": "piece", "pie": "piece", "bread": "piece", "jam": "spoon"}.get(food, "bowl"),
                   taste="warm and sweet" if food in ("cake", "pie", "pudding", "jam") else "very good")
    s.use_helper()
    s.at_home(s.rng.choice(["cook", "bake", "help in the kitchen", "make good things to eat"]), "kitchen")
    s.open("wanted to make {food} for {his} family", "decided to make some {food}",
           "was in the kitchen and wanted to make {food}")
    s.say("{He} took a big bowl and a wooden spoon.", "{He} put on an apron and washed {his} hands.")
    s.slots["was"] = "were" if s.slots["item"].endswith("s") else "was"
    s.say("But when {he} opened the cupboard, there {was} no {item}.",
          "But {he} could not find any {item}.")
    s.maybe(0.5, '"I cannot make {food} without {item}," {he} said.', '"What shall I do now?" {he} thought.')
    s.say("So {he} went to see {apal}.", "{He} walked down the path and met {apal}.")
    s.say('"Do you have some {item} for me?" asked {hero}.', '"Please, may I have some {item}?" {hero} asked politely.')
    s.say('"Of course," said {pal}. "You can have all the {item} you need."',
          '"Yes, I do," said {pal}. "I will help you make the {food}."')
    s.say("They went back to the kitchen and mixed everything together.",
          "Back at home, they put the {item} into the bowl and stirred.")
    s.say("Soon the whole house smelled wonderful.", "After an hour, the {food} was ready.",
          "They waited and waited, and at last the {food} was done.")
    s.say("They sat at the table and shared the {food}.",
          "{Hero} gave the first {portion} to {pal}.")
    s.say('"This is the best {food} in the world!" said {pal}.',
          "It was {taste}, and everyone wanted more.")
    s.end("{Hero} was proud and happy.", "{Hero} learned that food tastes better when it is shared.",
          "After that day, they cooked together every week.")


def fear(s):
    choices = [f for f in words.FEARS if not (s.kid in words.SWIMMERS and "water" in f[0])]
    fear_of, scene, tool, truth = s.rng.choice(choices)
    s.use_helper()
    s.slots.update(fear=fear_of, scene=scene, tool=tool, truth=truth)
    s.open("had a secret", "had a problem", "wanted to be brave")
    s.say("{Hero} was afraid of {fear}.", "{He} was not afraid of many things, but {he} was afraid of {fear}.")
    s.say("{scene}.")
    s.say("{Hero} began to shake.", '"I am scared," {he} whispered.', "{His} heart was beating fast.")
    s.say("{Apal} [heard|saw] {him} and came close.", "{He} told {apal} about it.")
    s.say('"Do not worry," said {pal}. "Everyone is afraid sometimes."',
          '"I was afraid of {fear} too when I was small," said {pal}.')
    s.say('"Here is {tool}," {pal} said. "It will help you to be brave."',
          "{Pal} gave {him} {tool} and stayed by {his} side.")
    s.say("{Hero} took a deep breath and opened {his} eyes.", "{Hero} counted to three and was very brave.")
    s.say("{truth}.", "{truth}. There was nothing to be afraid of.")
    s.say('"I did it!" said {hero}. "I am not scared any more."', "{Hero} laughed. {He} was not afraid any more.")
    s.say('"I am proud of you," said {pal}.', "{Pal} smiled and gave {him} a hug.")
    s.end("From that day on, {hero} was not afraid of {fear}.",
          "{Hero} learned that being brave is easier with a friend.")


def lost_baby(s):
    baby, kind, sound = s.rng.choice(
        [x for x in words.LOST if x[0] == "baby owl" or s.kid not in ("kitten", "puppy", "lamb", "duck")])
    s.slots.update(small="child" if s.is_child else f"small {s.kid}", baby=baby, ababy=f"{kind} {baby}", sound=sound)
    s.open("was walking {at}", "went {to}", "was on the way home")
    s.maybe(0.4, *WEATHER)
    s.say("Suddenly, {he} heard a small sound. It was a quiet {sound}.",
          '"{Sound}, {sound}!" What was that? {Hero} stopped and listened.')
    s.say("{He} looked {spot1} and found {ababy}.", "{Spot1}, there was {ababy}.")
    s.say("The {baby} was all alone and looked very sad.", "The {baby} was lost and could not find its mother.")
    s.say('"Do not cry," said {hero}. "I will help you find your mother."',
          '"Where is your mother?" asked {hero} in a soft voice.')
    s.say("First, they looked {spot2}, but nobody was there.",
          "They went together and looked {spot2}, but they did not find her.")
    s.maybe(0.6, "{Hero} gave the {baby} some water and a bit of bread.", "The {baby} was tired, so {hero} carried it.")
    s.say("Then they met {apal}.", "On the way, they met {apal}.")
    s.say('"I heard someone calling {spot3}," said {pal}. "Come quickly!"',
          '"There is a mother {spot3}, and she is looking for her baby," said {pal}.')
    s.say("They all went there, and the mother was {spot3}.", "{Pal} was right. The mother was waiting {spot3}.")
    s.say("The {baby} ran to her and was happy again.", "The {baby} was so glad to see her.")
    s.say('"Thank you for your kind heart," the mother said to {hero}.',
          "The mother thanked {hero} with all her heart.")
    s.end("{Hero} went home with a warm feeling inside.", "After that, the {baby} and {hero} were friends for ever.",
          "{Hero} learned that even a {small} can be a big help.")


def rainy_day(s):
    s.slots.update(game=s.rng.choice(words.GAMES[3:] + ["hide and seek"]),
                   lunch=s.rng.choice(["sandwiches", "berries", "apples", "pancakes"]))
    s.open("wanted to have a picnic {at}", "went {to} for a picnic with {apal}",
           "packed some {lunch} for a picnic {at}")
    if "friend" not in s.slots["act"]:
        s.say("{He} asked {apal} to come along.", "{He} went there with {apal}.")
    s.say("They put a blanket on the ground and took out the {lunch}.",
          "They sat down and opened the basket with the {lunch}.")
    s.say("But then dark clouds came, and it started to rain.",
          "Suddenly, the sky turned grey. Big drops of rain fell down.")
    s.say('"Our picnic is ruined!" cried {hero}.', '"Oh no, the {lunch} will get wet!" said {hero}.')
    s.say("They picked up the basket and ran as fast as they could.", "They quickly packed everything and ran home.")
    s.say("At home, {hero} looked out of the window and was sad.",
          "Soon they were safe and dry at home, but {hero} was still sad.")
    s.say('Then {pal} had an idea. "We can have our picnic on the floor!" {phe} said.',
          '"Do not be sad," said {pal}. "Let us have a picnic right here."')
    s.say("So they put the blanket on the floor and ate the {lunch}.",
          "They made a tent with the blanket and ate the {lunch} inside it.")
    s.say("Then they played {game} until the rain stopped.", "After lunch, they played {game} and laughed a lot.")
    s.maybe(0.6, "When the rain stopped, there was a big rainbow in the sky.",
            "In the evening, the sun came out again.")
    s.end("It was the best picnic ever.", '"I like rainy days now," said {hero}.',
          "{Hero} learned that a rainy day can be a happy day too.")


def quarrel(s):
    s.own_toy(words.SHAREABLE)
    s.slots["fun"] = f"play with {s.slots['his']} {s.slots['toy']}"
    s.open("was playing {at} with {his} {toy}", "took {his} {toy} {to}")
    s.say("{Apal} came to play too.", "Soon {apal} came by.", "There {he} met {apal}.")
    s.say('"May I play with your {thing}?" asked {pal}.', '"What a nice {thing}!" said {pal}. "Can I have a turn?"')
    s.say('"No, it is mine!" said {hero}.', '"No," said {hero}. "I do not want to share it."')
    s.say("{Pal} was sad and walked away.", "{Pal} looked down and went to sit alone {spot0}.")
    s.say("{Hero} played alone, but it was not much fun.",
          "Now {hero} had the {thing} all to {himself}, but {he} felt lonely.")
    s.say('"It is better to play with a friend," {he} thought.',
          "{He} began to think about {pal}. {Hero} felt sorry.")
    s.say("So {he} went to look for {pal}.", "So {he} went back to {pal} with the {thing}.")
    s.say('"I am sorry," said {hero}. "We can share the {thing}."',
          '"I am sorry that I was not kind," said {hero}. "Please play with me."')
    s.say('{Pal} smiled. "Thank you," {phe} said.', '"That is all right," said {pal}, and {phe} smiled.')
    s.say("They took turns and laughed all afternoon.",
          "They played with the {thing} together until the sun went down.")
    s.end("{Hero} learned that sharing is more fun than playing alone.",
          "From then on, {hero} always shared {his} {thing} with {pal}.", "They were best friends again.")


def new_friend(s):
    s.slots["game"] = s.rng.choice(words.GAMES)
    s.open("went {to}", "was alone {at}", "was playing alone {at}")
    s.say("{He} wanted to find a friend.", "{He} had nobody to play with, and {he} felt lonely.")
    s.say("{Spot0}, {he} saw {newkid}.", "There was {newkid} {spot0}.")
    s.say('"Hello," said {hero}. "What is your name?"',
          '"Hi, I am {hero}," {he} said. "Who are you?"' if s.named else '"Hi," said {hero}. "Who are you?"')
    s.say('"My name is {pal}," said the {plain}. "I am new here."', '"I am {pal}," said the {plain} in a quiet voice.')
    s.say('"Do you want to play {game} with me?" asked {hero}.', '"Let us play {game}!" said {hero}.')
    s.say('"I do not know how to play it," said {pal}.',
          '{Pal} looked down. "I have never played {game} before," {phe} said.')
    s.say('"That is easy," said {hero}. "I will show you."', "So {hero} showed {phim} how to play.")
    s.say("Soon they were running and laughing.", "They played {game} all day long.",
          "They played {game}, and {pal} was very good at it.")
    s.say("When the sun went down, it was time to go home.", "In the evening, they were tired but happy.")
    s.say('"Will you come back tomorrow?" asked {hero}. "Yes, I will!" said {pal}.',
          '"You are my first friend here," said {pal}. {Hero} smiled.')
    s.end("Now {hero} was not lonely any more.", "From that day on, {hero} and {pal} played together every day.",
          "{Hero} was happy to have a new friend.")


def plant(s):
    name, grown = s.rng.choice(words.PLANTS)
    s.slots.update(plant=name, aplant=("an " if name[0] in "aeiou" else "a ") + name, grown=grown)
    s.use_helper()
    s.at_home("work in the garden", "garden")
    s.open("found a small seed", "got a small seed from {apal}", "found a little seed on the path")
    s.maybe(0.6, '"I will plant it and wait," {he} said.', '"What will grow from it?" {hero} asked.')
    s.say("{He} put the seed into the soft ground and gave it some water.",
          "{He} made a hole in the garden and put the seed inside.")
    s.say("The next day, {he} looked, but there was nothing to see.",
          "Every morning, {he} ran into the garden, but nothing happened.")
    s.slots["whom"] = s.slots["pal" if "from" in s.slots["act"] else "apal"]
    s.say('"Why does it not grow?" {he} asked {whom}.', "{He} was sad and told {whom} about it.")
    s.say('"You must be patient," said {pal}. "Good things take time."',
          '"A seed needs water, sun and time," said {pal}.')
    s.say("So {hero} gave it water every day and sang to it.", "{Hero} waited and watered the ground every day.")
    s.say("One morning, there was a tiny green leaf!", "Then, one day, {he} saw something small and green.")
    s.say("The plant grew and grew. At last it was {aplant}, {grown}.",
          "Week after week it grew, until it was {aplant}, {grown}.")
    s.say('"Look, it is here!" cried {hero}.',
          '"It is so beautiful!" said {hero}. {Pal} agreed.')
    s.end("{Hero} learned to be patient.", "{Hero} was very proud of {his} {plant}.",
          "{Hero} kept some seeds for the next spring.")


PLOTS = [lost_toy, high_thing, baking, fear, lost_baby, rainy_day, quarrel, new_friend, plant]
PLOTS += plots_more.PLOTS
