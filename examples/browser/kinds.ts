// Unicode's names of kinds, "face-tongue", as people say them.

const words: Readonly<Record<string, string>> = {
  "face-affection": "loving face",
  "face-tongue": "face with tongue",
  "face-hand": "face with hand",
  "face-neutral-skeptical": "sceptical face",
  "face-hat": "face with hat",
  "face-glasses": "face with glasses",
  "face-costume": "face in costume",
  "animal-mammal": "mammal",
  "animal-bird": "bird",
  "animal-amphibian": "amphibian",
  "animal-reptile": "reptile",
  "animal-marine": "sea animal",
  "animal-bug": "insect",
  "plant-flower": "flower",
  "plant-other": "plant",
  "food-fruit": "fruit",
  "food-vegetable": "vegetable",
  "food-prepared": "cooked food",
  "food-asian": "Asian food",
  "food-sweet": "sweets",
  "place-map": "map",
  "place-geographic": "landscape",
  "place-building": "building",
  "place-religious": "place of worship",
  "place-other": "place",
  "transport-ground": "land transport",
  "transport-water": "boat",
  "transport-air": "aircraft",
  "award-medal": "medal",
  "sky & weather": "sky and weather",
  "arts & crafts": "arts and crafts",
  "subdivision-flag": "regional flag",
};

/** "Smiling face" of "face-smiling". Kinds that other models know keep their names, without hyphens. */
export function wordsOf(kind: string): string {
  const said = words[kind] ?? kind.replace(/^face-(.*)$/, "$1 face").replaceAll("-", " ");
  return said.charAt(0).toUpperCase() + said.slice(1);
}
