// Which of Unicode's emoji are in the picture, by the short names of emoji-datasource, in classes that one word names.

/** What is drawn of a class: its name, and the short names of its emoji. */
export interface EmojiClass {
  readonly name: string;
  readonly emoji: readonly string[];
}

const classOf = (name: string, emoji: string): EmojiClass => ({ name, emoji: emoji.trim().split(/\s+/) });

/**
 * Pictures of one thing each, which fills them: nothing of which a class has only one or two (a ferry, a bat), no heaps
 * of small things, no letters. Flags are of bands, crosses and discs: coats of arms cannot be read in so few pixels.
 */
export const emojiClasses: readonly EmojiClass[] = [
  classOf(
    "face",
    `grinning smiley smile grin laughing sweat_smile joy slightly_smiling_face upside_down_face wink blush innocent
    heart_eyes star-struck kissing_heart kissing relaxed kissing_closed_eyes kissing_smiling_eyes yum stuck_out_tongue
    stuck_out_tongue_winking_eye zany_face stuck_out_tongue_closed_eyes zipper_mouth_face face_with_raised_eyebrow
    neutral_face expressionless no_mouth smirk unamused face_with_rolling_eyes grimacing relieved pensive sleeping
    mask dizzy_face sunglasses nerd_face confused worried slightly_frowning_face open_mouth hushed astonished flushed
    frowning cry sob scream disappointed angry`,
  ),
  classOf(
    "heart",
    `cupid gift_heart sparkling_heart heartpulse heartbeat heart_decoration broken_heart mending_heart heart pink_heart
    orange_heart yellow_heart green_heart blue_heart light_blue_heart purple_heart brown_heart black_heart grey_heart
    white_heart hearts`,
  ),
  classOf(
    "hand",
    `wave raised_back_of_hand raised_hand_with_fingers_splayed hand spock-hand ok_hand pinched_fingers pinching_hand v
    crossed_fingers i_love_you_hand_sign the_horns call_me_hand point_left point_right point_up_2 middle_finger
    point_down point_up +1 -1 fist facepunch left-facing_fist right-facing_fist`,
  ),
  classOf(
    "animal",
    `monkey_face dog wolf fox_face raccoon cat lion_face tiger horse moose unicorn_face zebra_face cow pig boar mouse
    hamster rabbit bear polar_bear koala panda_face frog dragon_face smiley_cat smile_cat joy_cat heart_eyes_cat
    smirk_cat kissing_cat scream_cat crying_cat_face pouting_cat see_no_evil hear_no_evil speak_no_evil`,
  ),
  classOf(
    "bird",
    `turkey chicken rooster hatching_chick baby_chick hatched_chick bird penguin dove_of_peace eagle duck swan owl dodo
    flamingo peacock parrot black_bird goose phoenix`,
  ),
  classOf("fish", "whale whale2 dolphin fish tropical_fish blowfish shark"),
  classOf(
    "flower",
    "cherry_blossom white_flower lotus rosette rose wilted_flower hibiscus sunflower blossom tulip hyacinth bouquet",
  ),
  classOf(
    "tree",
    `evergreen_tree deciduous_tree palm_tree leafless_tree christmas_tree tanabata_tree potted_plant cactus`,
  ),
  classOf(
    "fruit",
    `grapes melon watermelon tangerine lemon lime banana pineapple mango apple green_apple pear peach cherries
    strawberry blueberries kiwifruit tomato coconut`,
  ),
  classOf(
    "drink",
    `glass_of_milk coffee teapot tea champagne wine_glass cocktail tropical_drink beer tumbler_glass cup_with_straw
    bubble_tea mate_drink`,
  ),
  classOf(
    "cake",
    "birthday cake cupcake pie custard shaved_ice moon_cake pancakes waffle doughnut cookie icecream ice_cream",
  ),
  classOf(
    "house",
    `house_buildings house house_with_garden hut derelict_house_building office post_office european_post_office hospital
    bank hotel love_hotel convenience_store school department_store classical_building church wedding mosque
    hindu_temple synagogue`,
  ),
  classOf(
    "car",
    `car oncoming_automobile blue_car pickup_truck truck taxi oncoming_taxi police_car oncoming_police_car ambulance
    fire_engine minibus bus oncoming_bus trolleybus racing_car auto_rickshaw`,
  ),
  classOf(
    "ball",
    `soccer baseball softball basketball volleyball football rugby_football tennis bowling 8ball crystal_ball
    mirror_ball yarn`,
  ),
  classOf(
    "clock",
    `alarm_clock stopwatch mantelpiece_clock clock12 clock1230 clock1 clock130 clock2 clock230 clock3 clock330 clock4
    clock430 clock5 clock530 clock6 clock630 clock7 clock730 clock8 clock830 clock9 clock930 clock10 clock1030 clock11
    clock1130`,
  ),
  classOf(
    "moon",
    `new_moon waxing_crescent_moon first_quarter_moon moon full_moon waning_gibbous_moon last_quarter_moon
    waning_crescent_moon crescent_moon new_moon_with_face first_quarter_moon_with_face last_quarter_moon_with_face
    full_moon_with_face`,
  ),
  classOf(
    "flag",
    `flag-at flag-be flag-bf flag-bg flag-bj flag-cd flag-cg flag-ch flag-ci flag-cm flag-co de flag-dk flag-ee fr
    flag-fi flag-ge flag-gh flag-hu flag-ie it flag-is jp flag-kw flag-la flag-lt flag-lu flag-ma flag-mg flag-mm
    flag-mu flag-ne flag-nl flag-no flag-pe flag-pl flag-pw flag-ro ru flag-sc flag-se flag-sl flag-sr flag-th
    flag-tr flag-ua flag-vn`,
  ),
  classOf(
    "arrow",
    `arrow_up arrow_upper_right arrow_right arrow_lower_right arrow_down arrow_lower_left arrow_left arrow_upper_left
    arrow_up_down left_right_arrow leftwards_arrow_with_hook arrow_right_hook arrow_heading_up arrow_heading_down
    arrow_forward fast_forward arrow_backward rewind arrow_up_small arrow_double_up arrow_down_small
    arrow_double_down`,
  ),
];
