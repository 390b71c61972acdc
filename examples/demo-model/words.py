"""The lexicon of the story grammar: who, where, what, and how it feels."""

GIRLS = ["Lily", "Mia", "Anna", "Lucy", "Emma", "Zoe", "Rosa", "Nina", "Ella", "Ruby", "Clara", "Sara", "Maya", "Ivy",
         "Hana"]
BOYS = ["Tom", "Ben", "Max", "Sam", "Leo", "Jack", "Tim", "Finn", "Noah", "Oscar", "Adam", "Omar", "Theo", "Hugo",
        "Kai"]
SHE_PETS = ["Hazel", "Poppy", "Daisy", "Clover", "Pepper", "Willow", "Coco", "Mimi", "Dot", "Bella"]
HE_PETS = ["Rusty", "Bruno", "Moss", "Pip", "Biscuit", "Rolo", "Otto", "Toby", "Milo", "Bramble"]

# kind -> where it lives
ANIMALS = {
    "fox": "in a cosy den under an old oak tree",
    "rabbit": "in a warm burrow at the edge of a field",
    "bear": "in a big cave near a waterfall",
    "mouse": "in a tiny hole behind a stone wall",
    "kitten": "in a small house with a green door",
    "puppy": "in a yellow house at the end of the lane",
    "hedgehog": "under a pile of dry leaves",
    "duck": "in the tall reeds by a pond",
    "frog": "under a round stone by a pond",
    "squirrel": "in a hollow tree on top of a hill",
    "turtle": "beside a slow and quiet river",
    "badger": "in a deep burrow in the forest",
    "mole": "in a dark tunnel under a meadow",
    "lamb": "on a green hill near a farm",
}
SWIMMERS = {"duck", "frog", "turtle"}
CHILD_HOMES = ["in a small house by the river", "in a little village near the sea", "in a tall house with a red roof",
               "on a farm with many animals", "at the edge of a quiet forest", "in a town between two hills",
               "in a white cottage near a lake"]
TRAITS = ["kind", "curious", "cheerful", "brave", "clever", "gentle", "playful", "careful", "quiet", "friendly"]

# name -> (how one goes there, how one is there, spots, things to love there)
PLACES = {
    "park": ("to the park", "in the park",
             ["under the wooden bench", "behind the tall oak tree", "next to the pond", "beside the swings",
              "in the long grass", "near the old gate"],
             ["feed the ducks", "run on the soft grass", "climb the trees", "play on the swings"]),
    "forest": ("into the forest", "in the forest",
               ["under a pile of leaves", "behind a mossy rock", "inside a hollow log", "beside the little stream",
                "between two tall trees", "near a blackberry bush"],
               ["listen to the birds", "count the mushrooms", "jump over the puddles", "follow the winding path"]),
    "beach": ("to the beach", "on the beach",
              ["behind a big rock", "under a striped umbrella", "next to a small boat", "near the sand castle",
               "in a shallow pool", "under a heap of seaweed"],
              ["collect shells", "build sand castles", "splash in the waves", "watch the white birds"]),
    "garden": ("into the garden", "in the garden",
               ["under the rose bush", "behind the apple tree", "next to the fence", "between the tall sunflowers",
                "inside the watering can", "near the pumpkin patch"],
               ["smell the flowers", "watch the butterflies", "chase the bees", "pick strawberries"]),
    "farm": ("to the farm", "on the farm",
             ["behind the red barn", "under the hay", "next to the well", "inside the hen house", "near the muddy pond",
              "beside the old cart"],
             ["visit the cows", "feed the hens", "ride on the hay cart", "brush the brown horse"]),
    "meadow": ("to the meadow", "in the meadow",
               ["under a blue flower", "behind a grey stone", "beside the fence", "near the rabbit hole",
                "in the tall grass", "next to the brook"],
               ["pick daisies", "roll down the hill", "look at the clouds", "dance in the wind"]),
    "market": ("to the market", "at the market",
               ["under the fruit stand", "behind the flower cart", "next to the fountain", "near the bread shop",
                "between two baskets", "beside the candle shop"],
               ["smell the fresh bread", "look at the ripe fruit", "listen to the music", "talk to the baker"]),
}

# things that one may own, lose, share and long for
TOYS = {
    "ball": ["red", "bouncy", "green", "shiny"], "kite": ["blue", "yellow", "paper", "striped"],
    "doll": ["pretty", "little", "wooden"], "teddy bear": ["soft", "brown", "fluffy"],
    "drum": ["round", "loud", "little"], "toy boat": ["wooden", "white", "tiny"],
    "hat": ["warm", "purple", "straw"], "scarf": ["woolly", "long", "orange"], "whistle": ["silver", "tin", "tiny"],
    "book": ["big", "green", "old"], "bell": ["golden", "shiny", "little"], "toy train": ["black", "wooden", "fast"],
    "lantern": ["bright", "paper", "golden"], "basket": ["round", "brown", "pretty"],
}
SHAREABLE = ["ball", "kite", "drum", "toy boat", "toy train", "doll", "book"]
HIGH = {"apple": "red", "pear": "ripe", "plum": "purple", "balloon": "yellow", "kite": "blue", "hat": "straw"}
FOODS = {"cake": "honey", "pie": "apples", "soup": "carrots", "bread": "flour", "jam": "strawberries",
         "pudding": "milk", "salad": "tomatoes"}
PLANTS = [("sunflower", "taller than the fence"), ("pumpkin", "as round as the moon"),
          ("tomato plant", "full of red fruit"), ("rose", "as pink as the morning sky"),
          ("bean plant", "as tall as the door"), ("apple tree", "covered with white flowers")]
SKILLS = [("swim", "Kick your legs and breathe slowly", "the lake"),
          ("whistle", "Make your lips round and blow softly", "the hill"),
          ("skate", "Bend your knees and look ahead", "the frozen pond"),
          ("climb", "Hold on tight and take small steps", "the hill"),
          ("dance", "Listen to the music and count to four", "the meadow"),
          ("paint", "Start with one small line", "the garden"),
          ("row a boat", "Pull both oars at the same time", "the lake"),
          ("fly a kite", "Wait for the wind and then run", "the hill")]
# fear, where it comes from, what helps, what is true
FEARS = [
    ("the dark", "At night, the room was full of shadows", "a small lamp", "The shadows were only a chair and a coat"),
    ("thunder", "That night, a storm came and the sky went boom", "a warm blanket",
     "The thunder was only a loud noise far away"),
    ("the deep water", "The lake looked cold and deep", "a round float", "The water was cool and held everyone up"),
    ("the old bridge", "The bridge was high and it shook in the wind", "a strong rope",
     "The bridge was old, but it was strong"),
]
LOST = [("duckling", "a yellow", "quack"), ("kitten", "a grey", "meow"), ("chick", "a tiny", "peep"),
        ("puppy", "a brown", "whimper"), ("lamb", "a white", "bleat"), ("baby owl", "a fluffy", "hoot")]
# present, what it is made of, where that is found
GIFTS = [("a crown of daisies", "flowers", ["meadow", "garden"]), ("a necklace of shells", "shells", ["beach"]),
         ("a painted stone", "a round stone", ["beach", "forest"]),
         ("a little wooden star", "dry wood", ["forest", "park"]),
         ("a card with a big heart", "coloured paper", ["market"]),
         ("a basket of berries", "berries", ["forest", "garden"])]
BROKEN = [("vase", "on the table", "flowers"), ("cup", "on the shelf", "tea"), ("plate", "on the table", "biscuits"),
          ("flower pot", "by the window", "flowers"), ("jar", "on the shelf", "honey")]
WORKS = ["carry a heavy basket", "push a cart up the hill", "bring in the firewood", "carry a bag of apples",
         "sweep the leaves from the path", "mend a broken fence"]
HELPERS = [("a wise old owl", "the owl"), ("a friendly squirrel", "the squirrel"), ("a busy beaver", "the beaver"),
           ("a small blue bird", "the bird"), ("a big gentle horse", "the horse"), ("an old turtle", "the turtle"),
           ("a tall grey heron", "the heron"), ("a clever crow", "the crow")]
GAMES = ["hide and seek", "tag", "catch", "pirates", "explorers"]
