"""More plots; see plots.py, which collects all of them."""

import words


def gift(s):
    present, stuff, places = s.rng.choice(words.GIFTS)
    s.set_place(places)
    s.use_helper(("friend", "family"))
    s.slots.update(gift=present, stuff=stuff)
    s.open("remembered that it was the birthday of {apal}", "wanted to make a gift for {apal}")
    s.say('"What can I give to {pal}?" {he} thought.', "{He} had no money, but {he} had a good idea.")
    s.say("{He} went {to} to look for {stuff}.", "{He} walked {to}, because {he} needed {stuff} for it.")
    s.say("{He} looked {spot1} and found just what {he} needed.", "{Spot1}, {he} found just what {he} needed.")
    s.say("Then {he} sat down and worked very hard.", "{He} worked all morning without a break.")
    s.say("At last, it was done. It was {gift}.", "When {he} was finished, {he} had made {gift}.")
    s.maybe(0.5, '"I hope that {pal} will like it," {he} said.', "{He} hid it behind {his} back and walked to {pal}.")
    s.say('"Happy birthday!" said {hero}. "This is for you."' if "birthday" in s.slots["act"] else
          '"This is for you," said {hero}. "I made it all by myself."')
    s.say('{Pal} was surprised. "It is beautiful!" {phe} said.',
          '"Did you make {gift} for me?" asked {pal}. "I love it!"')
    s.say("{Pal} gave {him} a big hug.", "They both smiled, and {pal} danced with joy.")
    s.end("{Hero} learned that the best gifts come from the heart.", "It was a day that they never forgot.",
          "That made {hero} the happiest {kid} of all.")


def skill(s):
    what, tip, where = s.rng.choice(
        [k for k in words.SKILLS if not (s.kid in words.SWIMMERS and k[0] in ("swim", "row a boat"))])
    s.use_helper()
    s.slots.update(skill=what, tip=tip, where=where)
    s.slots["fun"] = s.rng.choice(["try new things", "learn new things"])
    s.open("wanted to learn to {skill}", "decided to learn to {skill}")
    s.say("{He} went to {where} and tried, but it did not work.",
          "At {where}, {he} tried for the first time, but it was too hard.")
    s.say("{He} tried again, and again it went wrong.", "{He} tried a second time, but it was even worse.")
    s.say('"I will never learn to {skill}," said {hero}.', '"I cannot do it!" {he} cried. "It is too hard."')
    s.say("{Apal} was watching {him}.", "Then {apal} came to {where}.")
    s.say('"Do not give up," said {pal}. "{tip}."', '"I will tell you a secret," said {pal}. "{tip}."')
    s.say("{Hero} listened and tried once more.", "{Hero} nodded and tried again, slowly this time.")
    s.say("It was a little better.", "This time it almost worked.",
          "At first it was still hard, but then it got better.")
    s.say("{He} practised every day for a week.", "Day after day, {he} came back to {where} and practised.")
    s.say('Then it happened. "Look, I can {skill}!" {he} shouted.',
          'And one day, {he} could really {skill}. "I can do it!" {he} shouted.')
    s.say('"I knew that you could do it," said {pal}.', "{Pal} clapped and cheered.")
    s.end("{Hero} learned that you must try many times to learn something new.",
          "Now {hero} could {skill} better than anyone.",
          "From then on, {hero} never gave up so quickly.")


def broken(s):
    thing, where, inside = s.rng.choice(words.BROKEN)
    s.slots.update(thing=thing, where=where, inside=inside, was="was" if inside in ("tea", "honey") else "were")
    parent = s.rng.choice(["mother", "father"])
    s.put_person("p", "Mum" if parent == "mother" else "Dad", parent == "mother")
    s.slots.update(pal="Mum" if parent == "mother" else "Dad", parent=f"{s.slots['his']} {parent}")
    s.at_home("run and jump", "house")
    s.open("was running through the house", "was playing with a ball in the house")
    s.say("{He} did not look where {he} was going.", "{He} had been told not to do it, but it was so much fun.")
    s.say("There was a {thing} {where}. Crash! It fell down and broke.",
          "Crash! The {thing} that stood {where} fell down and broke into pieces.")
    s.say("It was the {thing} that {parent} liked best.",
          "There {was} {inside} all over the floor.")
    s.say("{Hero} was afraid. Should {he} hide the pieces?",
          '"What shall I do?" thought {hero}. "{Pal} will be angry."')
    s.say('But {he} went to {parent} and said, "I broke the {thing}. I am very sorry."',
          'But {hero} wanted to tell the truth. "{Pal}, I broke the {thing}," {he} said.')
    s.say("{Pal} looked at the pieces and was quiet for a moment.", "{Pal} looked at {him} for a long time.")
    s.say('"Thank you for telling me the truth," {pal} said.',
          '"I am glad that you told me," said {pal}. "That was brave."')
    s.say("They picked up the pieces and mended the {thing} with glue.",
          "Together they cleaned the floor and put the {thing} back together.")
    s.maybe(0.6, "It did not look new, but it was still beautiful.", '"Now it is a very special {thing}," said {pal}.')
    s.end("{Hero} learned that it is always better to tell the truth.", "After that, {hero} only ran outside.",
          "{Hero} felt light and happy again.")


def good_deed(s):
    work = s.rng.choice(words.WORKS)
    old = s.rng.choice(["man", "woman"]) if s.is_child else s.rng.choice(["goat", "donkey", "goose"])
    she = old in ("woman", "goose")
    s.put_person("p", f"the old {old}", she)
    s.slots.update(work=work, old=old, pal=f"the old {old}",
                   reward=s.rng.choice(["a jar of honey", "a shiny coin", "a big red apple", "a story"]))
    s.open("was on the way home", "was walking {to}", "was walking down the road")
    s.say("On the road, {he} saw an old {old} who was trying to {work}.",
          "There {he} met an old {old}. {Phe} was trying to {work}.")
    s.say("It was very hard, and {pal} was tired.", '"Oh dear, this is too much for me," said {pal}.')
    s.maybe(0.6, "{Hero} wanted to play, but {he} stopped.", "Many others walked by, but nobody helped.")
    s.say('"May I help you?" asked {hero}.', '"Please let me help you," said {hero}.')
    s.say('"That is very kind," said {pal}.', "{Pal} smiled and nodded.")
    s.say("They worked together, and soon the work was done.",
          "{Hero} was small, but {he} worked hard, and soon everything was done.")
    s.say('"You have a good heart," said {pal}. "Here is {reward} for you."' if s.slots["reward"] != "a story" else
          '"You have a good heart," said {pal}. "Sit down, and I will tell you a story."')
    s.say('"Thank you!" said {hero}. "I was glad to help."', "{Hero} thanked {pal} and was very happy.")
    s.say("After that, {hero} visited {pal} every week.", "{He} ran home and told everyone about {pal}.")
    s.end("{Hero} learned that helping others makes you happy too.", "From that day on, they were good friends.")


def catch_moon(s):
    s.use_helper()
    wish, answer = s.rng.choice(
        [
        ("the moon",
         "{Pal} filled a bucket with water and put it on the grass. There was the moon, shining in the water!"),
        ("a star", "{Pal} lit a little lamp and hung it over the bed. It shone like a star."),
        ("a rainbow", "{Pal} held a glass of water in the light. All the colours danced on the wall."),
        ("a cloud", "{Pal} breathed into the cold air with {him}. A tiny cloud came out and floated away.")])
    s.slots.update(wish=wish, it=wish.replace("a ", "the "))
    s.slots["fun"] = "look at the sky"
    s.open("looked up and saw {wish} in the sky", "sat on a hill and looked at {wish}")
    s.say('"I want to catch it!" said {hero}.', "It was so beautiful that {he} wanted to have it.")
    s.say("{He} climbed on a high rock, but {it} was still far away.",
          "{He} jumped and jumped, but {it} was much too high.")
    s.say("Then {he} took a long ladder, but that did not help.",
          "{He} threw a rope into the air, but it fell down again.")
    s.say("{Hero} was sad and went to {apal}.", "{Hero} sat down and sighed. Then {apal} came along.")
    s.say('"I want to have {wish}, but I cannot reach it," said {hero}.', '"Why can I not catch {wish}?" asked {hero}.')
    s.say('{Pal} thought for a while. "I can show you something," {phe} said.',
          '"Nobody can catch {wish}," said {pal}, "but I have an idea."')
    s.say(answer)
    s.say('"Oh!" whispered {hero}. "Now it is close to me."', '"It is wonderful!" said {hero} with big eyes.')
    s.end("{Hero} was happy and did not need {it} any more.", "That night, {hero} slept well and dreamed of {wish}.",
          "{Hero} learned that some things are beautiful even when we cannot keep them.")


def treasure(s):
    s.own_toy(words.TOYS)
    s.set_place(["park", "forest", "garden", "farm", "meadow", "beach"])
    s.slots["fun"] = s.rng.choice(["look for treasure", "go on adventures", "explore new places"])
    s.open("found an old map", "found a map inside a bottle", "found an old map under the bed")
    s.say('"It is a treasure map!" {he} said.', "There was a red cross on the map.")
    s.say("{He} showed it to {apal}, and they went {to} together.",
          "{Apal} wanted to come too, so they went {to} together.")
    s.say("First, the map led them to a place {spot1}, but there was nothing.",
          "They looked {spot1}, but they found only stones.")
    s.say("Then they looked {spot2}, but there was nothing either.",
          "Then they searched {spot2}, but they found no treasure.")
    s.say('"Let us go home," said {pal}. "There is no treasure."',
          '"I am tired," said {pal}. "Maybe the map is wrong."')
    s.say('"Wait!" said {hero}. "We must turn the map around."',
          '"Let us try one more time," said {hero}. "I do not want to give up."')
    s.say("They went to look {spot3}, and there they found a small box.",
          "So they looked {spot3}. There was a wooden box!")
    s.say("They opened it slowly. Inside was {atoy}!", "Inside the box was {atoy}. It was still as good as new.")
    s.say('"We will share it," said {hero}. "We found it together."',
          '"The {thing} belongs to both of us," said {hero}.')
    s.end("They played with the {thing} all day.",
          "{Hero} put the old map on the wall and smiled every time {he} saw it.",
          "They learned that it is good to keep trying.")


def snowman(s):
    s.slots.update(nose=s.rng.choice(["a carrot", "a red pepper", "a long stone"]),
                   wear=s.rng.choice(["a scarf", "a hat", "a blanket"]))
    s.slots["wearing"] = s.slots["wear"][2:]
    s.slots["fun"] = "play in the snow"
    s.open("looked outside and saw snow everywhere", "woke up and saw that it was snowing")
    s.say("{He} put on {his} warm boots and ran outside.", "{He} ran outside and caught the snow with {his} tongue.")
    s.say('"Let us build a snowman!" {he} said to {apal}.', "{He} asked {apal} to help {him} build a snowman.")
    s.say("They rolled one big ball and one small ball.", "They worked hard and made a snowman that was very tall.")
    s.say("But the snowman had no nose.", '"He needs a nose," said {pal}.')
    s.say("{Hero} ran into the kitchen and came back with {nose}.",
          '"I know!" said {hero}, and {he} went to get {nose}.')
    s.say('"He looks cold," said {pal}, and {phe} gave him {wear}.', "Then {pal} gave him {wear} to keep him warm.")
    s.say("Now the snowman was perfect. They danced around him and sang.", "They were so proud of their snowman.")
    s.say("After some days, the sun came out and the snowman got smaller and smaller.",
          "But one morning, the sun was warm, and the snowman was melting.")
    s.say('"Do not go!" cried {hero}. {He} was sad.', '{Hero} was sad. "Goodbye, snowman," {he} said.')
    s.say('"He will come back next winter," said {pal}.', '"Next winter, we will build a new one," said {pal}.')
    s.end("{Hero} smiled and kept the {wearing} in a safe place for him.",
          "And when the snow came back, they built an even bigger one.")


def bedtime(s):
    s.use_helper(("family",))
    counted = s.rng.choice(["sheep", "stars", "clouds"])
    s.slots.update(counted=counted, number=s.rng.choice(["ten", "twenty", "fifty"]),
                   song=s.rng.choice(["the moon", "the sea", "the wind", "the little stars"]))
    s.slots["fun"] = s.rng.choice(["play all day", "stay up late", "hear stories"])
    s.open("did not want to go to bed", "was not tired at all", "was lying in bed",
           day="One [night|evening|cold night|warm evening]")
    s.say("It was late, and the moon was in the sky, but {hero} could not sleep.",
          "Everyone else was asleep, but {hero} was still awake.")
    s.say("{He} turned to the left and {he} turned to the right.", "{He} closed {his} eyes, but they opened again.")
    s.say("{He} counted {counted}. {He} counted to {number}, but {he} was still awake.",
          "Then {he} drank some water, but that did not help.")
    s.say('"I cannot sleep," {he} said to {apal}.', "{Apal} heard {him} and came in.")
    s.say('"I will sing a song for you," said {pal}.', '"Close your eyes," said {pal}, "and I will sing for you."')
    s.say("It was a soft song about {song}.", "{Pal} sang about {song} in a low and gentle voice.")
    s.say("{Hero} listened. Slowly, {his} eyes became heavy.", "{Hero} smiled and pulled up the blanket.")
    s.maybe(0.6, '"One more time, please," {he} whispered.', '"That was nice," said {hero} in a sleepy voice.')
    s.say("When the song was over, {hero} was fast asleep.", "Before the song was over, {hero} was asleep.")
    s.say('"Good night, {voc}," said {pal}, and the house was quiet.',
          "{Pal} turned off the light and went out on quiet feet.")
    s.end("{Hero} dreamed of {song} all night long.", "In the morning, {hero} was happy and full of energy.")


PLOTS = [gift, skill, broken, good_deed, catch_moon, treasure, snowman, bedtime]
