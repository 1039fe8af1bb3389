/** The word lists that names, streets, products and sentences are drawn from. */

const list = (text: string): readonly string[] => text.trim().split(/\s+/);
const phrases = (text: string): readonly string[] =>
  text.split(",").map((phrase) => phrase.trim().replace(/\s+/g, " "));

/** Common English words. */
export const common: readonly string[] = list(`
able about above across act add after again age ago air all also always among and animal answer any apple area arm ask
autumn away back bag ball bank base bath bear beat bed before begin behind bell below best better between big bird black
block blue board boat body book both bottle bowl box branch bread break bridge bright bring brother brown brush build
burn bus busy butter button buy call camp candle cap card care carry case cat catch cause centre chair chance change
cheap check cheese child choice circle city class clean clear climb clock close cloth cloud coal coat coffee cold colour
come common copper copy corn corner cost cotton count country course cover cross crown cup cut dance danger dark
daughter day deep desk detail dinner direct dish distance doctor dog door doubt down draw dream dress drink drive drop
dry dust each early earth east easy edge egg eight electric end engine enough equal even evening event ever every
example eye face fact fair fall family famous far farm fast father feather field fight figure fill find finger finish
fire first fish five flag flat flight floor flower fly follow food foot force forest fork form forward four frame free
fresh friend from front fruit full garden gate gentle girl give glass glove goat gold good grain grand grass great green
grey ground group grow guide half hammer hand happy harbour hard hat have head health heart heat heavy help here high
hill hold home honey hope horse hospital hour house how hundred ice idea inch inside iron island job join journey juice
jump just keep kettle key kind king kitchen knee knife knot know lake lamp land large last late laugh law lead leaf
learn leather left lemon less letter level library lift light line lion list listen little long look loud love low lunch
machine main make many map mark market match matter measure meat medal meet metal middle milk mind minute mirror mix
money month moon more morning mother motion mountain mouth move much music nail name narrow nation near neck need needle
never new news next night nine noise north nose note number oak ocean off offer office often oil old once only open
orange order other oven over own page paint pair paper parcel park part pass past path pay peace pen pencil people piano
picture piece pin pipe place plain plan plant plate play please pocket point poor port post potato pound power present
press price print prize public pull pump purple push quality queen question quick quiet quite rail rain range rate reach
read ready reason record red rest rice rich ride right ring river road rock roof room root rope rose round rule run safe
sail salt same sand save scale school science sea seat second seed seven shade shake shape sharp sheep shelf ship shirt
shoe shop short show side sign silk silver simple single sister six size skin sky sleep slow small smile smoke smooth
snow soap soft song soon sound soup south space spade spoon spring square stamp star start state station steam steel
step stick stone stop store storm story street strong sugar summer sun support sweet swim table tail talk tall taste tea
teach ten test thank thick thin thing thread three thumb ticket tide time tired today together tomorrow tooth top touch
tower town trade train travel tree true turn twelve twenty under unit until upper usual valley value very view village
visit voice wait walk wall warm wash watch water wave way weather week weight well west wheel when where while white
wide wild wind window wine wing winter wire wise with wood wool word work world worth write yard year yellow young zebra
`);

/** Given names. */
export const firstNames: readonly string[] = list(`
Adam Aisha Alice Amir Anna Ben Bruno Carla Chen Clara Daniel Devi Diana Elena Emma Erik Eva Farah Felix Fiona George
Grace Hana Hassan Helen Hugo Ida Ines Ivan Jack James Jane Jin John Julia Karim Kate Lars Laura Leo Lily Linda Lucas
Maria Mark Maya Mei Mia Milan Nadia Nina Noah Nora Olga Oscar Otto Paul Petra Priya Rahul Rita Rosa Ruth Sam Sara Simon
Sofia Sven Tara Tim Tom Uma Vera Victor Wei Yusuf Zoe
`);

/** Family names. */
export const lastNames: readonly string[] = list(`
Abbott Ahmad Ali Baker Barnes Becker Bell Bennett Berg Brown Carter Chan Clark Cole Cooper Costa Cruz Davies Dixon
Dubois Evans Fischer Foster Garcia Gibson Gray Green Hall Hansen Harris Hill Hughes Ibrahim Jensen Jones Kaur Keller
Khan King Klein Kumar Larsen Lee Lewis Lim Lopez Marsh Martin Mason Meyer Miller Moore Morgan Murphy Nguyen Novak Olsen
Ong Palmer Park Patel Perez Porter Price Quinn Reed Rossi Russo Santos Schmidt Shaw Silva Singh Smith Stone Tan Taylor
Turner Vogel Wagner Walker Wang Ward Webb White Wong Wood Wright Yap Young Zhang
`);

/** Words that begin the name of a shop or a firm. */
export const trade: readonly string[] = list(`
Acorn Alpine Amber Anchor Apex Atlas Aurora Bamboo Beacon Birch Bluebird Boxwood Canyon Cedar Cherry City Clover Comet
Coral Corner Crescent Crystal Delta Eagle Ember Everest Evergreen Falcon Fern Galaxy Garden Ginger Global Golden Granite
Harbour Harvest Hazel Heron Horizon Island Ivory Jade Jasmine Juniper Kestrel Lakeside Laurel Lighthouse Lotus Lucky
Luna Magnolia Maple Marina Meadow Metro Midtown Mint Moonlight Nova Oak Oasis Olive Onyx Orchard Orchid Pacific Palm
Pearl Pepper Pine Pioneer Prime Quartz Rainbow Raven Regal River Robin Royal Ruby Saffron Sage Sapphire Shoreline Silver
Sparrow Star Stone Summit Sunny Sunrise Swan Tiger Topaz Tulip Union Urban Valley Velvet Violet Vista Willow Zenith
`);

/** What a shop or firm is. */
export const business: readonly string[] = phrases(
  `Cafe, Bakery, Market, Mart, Hardware, Pharmacy, Books, Stationery, Trading, Electrical, Restaurant, Bistro, Grill,
  Kitchen, Deli, Foods, Grocer, Supermarket, Minimart, Florist, Toys, Sports, Shoes, Textiles, Furniture, Motors, Optics,
  Paints, Tools, Supplies, Stores, Coffee House, Noodle Bar, Tea Room, Fish Shop, Pet Shop, Auto Parts, Print Shop`,
);

/** Legal forms, and none at all. */
export const legalForms: readonly string[] = [
  "",
  "",
  "",
  "",
  "Ltd",
  "Inc",
  "Co.",
  "LLC",
  "GmbH",
  "SDN BHD",
  "Pte Ltd",
  "& Sons",
];

/** Names that begin a street. */
export const streets: readonly string[] = list(`
Albert Ash Bank Beech Bridge Broad Castle Cedar Chapel Cherry Church Cliff College Cross Duke East Elm Field Forest Fox
Garden George Grove Hill Jalan Kings Lake Lime London Main Maple Market Meadow Mill New North Oak Orchard Park Pine
Poplar Queen Railway River Rose School South Spring Station Temple Union Victoria Water West William Willow Windsor York
`);

export const streetKinds: readonly string[] = list(
  "Street St St. Road Rd Rd. Avenue Ave Lane Drive Way Place Square Court",
);

/** Towns. */
export const towns: readonly string[] = phrases(
  `Ashford, Bergen, Boston, Brighton, Bristol, Cambridge, Canberra, Chester, Cork, Dallas, Denver, Derby, Dublin, Exeter,
  Geneva, Glasgow, Hamburg, Ipoh, Johor Bahru, Kuala Lumpur, Leeds, Lisbon, London, Lyon, Madrid, Melaka, Milan, Munich,
  New York, Newport, Norwich, Oslo, Oxford, Penang, Perth, Plymouth, Porto, Salem, Seattle, Shah Alam, Singapore, Sydney,
  Toledo, Toronto, Turin, Vienna, Wellington, Windsor, York, Zurich`,
);

/** What cafes, shops and workshops sell, by the kind of shop. */
export const products: readonly (readonly string[])[] = [
  phrases(
    `Latte, Espresso, Cappuccino, Flat White, Mocha, Iced Tea, Green Tea, Hot Chocolate, Scone, Muffin, Croissant, Bagel,
    Cheese Toast, Carrot Cake, Apple Pie, Brownie, Club Sandwich, Soup of Day, Caesar Salad, Orange Juice, Lemonade, Cola,
    Mineral Water, Omelette, Pancakes, Waffle, Fruit Bowl, Cookie, Egg Sandwich, Tuna Wrap`,
  ),
  phrases(
    `Milk 1L, Butter 250g, Eggs x12, White Bread, Rice 5kg, Flour 1kg, Sugar 1kg, Olive Oil, Tomato, Onion, Potato,
    Carrots, Bananas, Apples, Grapes, Chicken Leg, Beef Mince, Salmon, Yogurt, Cheddar, Pasta, Noodles, Soy Sauce,
    Biscuits, Honey, Jam, Cereal, Salt, Pepper, Tissue, Soap Bar, Shampoo, Toothpaste, Detergent, Sponge, Bin Bags`,
  ),
  phrases(
    `Hammer, Wood Screw 4mm, Nails 50mm, Paint White 1L, Brush 2in, Tape Measure, Duct Tape, Pliers, Spanner 12, Drill Bit,
    Sandpaper, LED Bulb 9W, Socket 13A, Cable 3m, Hinge, Padlock, Glue, Silicone, Bucket, Rope 10m, Ladder, Gloves, Hose,
    Tap, Valve, Pipe 15mm, Cement, Wire, Battery AA, Switch`,
  ),
  phrases(
    `Notebook A5, Pen Blue, Pencil HB, Eraser, Ruler 30cm, Stapler, Staples, Envelope, Copy Paper, Marker, Folder, Glue
    Stick, Scissors, Calendar, Diary, Card, Stamp Pad, Clip, Ink Black, Toner, Tape, Label Roll, Chalk, Novel, Atlas,
    Magazine, Postcard, Ring File, Highlighter, Sharpener`,
  ),
  phrases(
    `Nasi Lemak, Fried Rice, Chicken Rice, Roti Canai, Teh Tarik, Kopi O, Satay, Laksa, Mee Goreng, Fish Curry, Beef
    Noodle, Spring Roll, Dumplings, Burger, Fries, Pizza Slice, Pasta Bake, Grilled Fish, Lamb Chop, Steak, Side Salad,
    Garlic Bread, Ice Cream, Mango Juice, Barley, Beer, House Wine, Soda, Water, Coffee`,
  ),
];

export const months: readonly string[] = list(
  "January February March April May June July August September October November December",
);

export const professions: readonly string[] = list(
  "Teacher Nurse Engineer Driver Baker Clerk Farmer Artist Lawyer Doctor Plumber Cook Pilot Painter Editor Analyst",
);

/** What charts and tables are about, with the labels of their parts. */
export const subjects: readonly { title: string; unit: string; labels: readonly string[] }[] = [
  { title: "Sales by Region", unit: "units", labels: list("North South East West Central Coast Islands Export") },
  { title: "Fruit Sold", unit: "kg", labels: list("Apples Pears Plums Grapes Melons Figs Limes Dates Kiwis") },
  { title: "Visitors per Day", unit: "people", labels: list("Mon Tue Wed Thu Fri Sat Sun") },
  { title: "Rainfall", unit: "mm", labels: list("Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec") },
  { title: "Budget", unit: "$", labels: list("Rent Food Travel Books Health Power Phone Other") },
  { title: "Energy Mix", unit: "GWh", labels: list("Solar Wind Hydro Coal Gas Biomass Nuclear") },
  { title: "Votes", unit: "votes", labels: list("Adam Beth Carl Dana Erik Faye Gus Hana Ivo") },
  { title: "Trees Planted", unit: "trees", labels: list("Oak Ash Elm Fir Pine Birch Maple Cedar Willow") },
  { title: "Books Read", unit: "books", labels: list("Anna Ben Cleo Dan Emma Finn Gina Hugo Iris") },
  { title: "Exports", unit: "tons", labels: list("Steel Wool Tea Rice Corn Sugar Cotton Timber") },
  { title: "Traffic", unit: "cars", labels: list("2015 2016 2017 2018 2019 2020 2021 2022 2023 2024") },
  { title: "Revenue", unit: "k", labels: list("Q1 Q2 Q3 Q4") },
  { title: "Pets", unit: "homes", labels: list("Dogs Cats Birds Fish Mice Rabbits Turtles") },
  { title: "Sport Hours", unit: "h", labels: list("Tennis Rugby Golf Chess Rowing Judo Skiing Squash") },
];

/** What signs say. */
export const notices: readonly string[] = phrases(
  `OPEN, CLOSED, EXIT, ENTRANCE, PUSH, PULL, STOP, NO PARKING, SLOW, ONE WAY, KEEP LEFT, KEEP RIGHT, NO ENTRY, WET FLOOR,
  TOILETS, TICKETS, INFORMATION, LIFT, STAIRS, FIRE EXIT, STAFF ONLY, PRIVATE, SALE, FOR RENT, WELCOME, PLEASE WAIT HERE,
  NO SMOKING, CAUTION, DANGER, BUS STOP, PLATFORM, RECEPTION, PARKING, LOADING ZONE, SCHOOL ZONE, BEWARE OF DOG, MIND THE STEP,
  QUIET PLEASE, FRESH BREAD, HOT COFFEE, FREE WIFI, CASH ONLY, NO DOGS, BIKE LANE, DETOUR, ROAD WORK, GIVE WAY, DEAD END`,
);

/** What Malaysian shops are called by, before and after a name. */
export const malayTrades: readonly string[] = phrases(
  `Kedai Runcit, Restoran, Syarikat, Perniagaan, Pasaraya, Klinik, Farmasi, Kedai Buku, Bengkel, Gerai, Kedai Kopi,
  Kedai Roti, Pusat Servis, Butik, Perabot, Kedai Kek`,
);

/** Malaysian legal forms. */
export const malayForms: readonly string[] = phrases(
  `SDN BHD, SDN BHD, SDN. BHD., Sdn Bhd, (M) SDN BHD, ENTERPRISE, TRADING, S/B, HOLDINGS BHD, & CO`,
);

/** Names that a Malaysian street (Jalan, Lorong) or quarter (Taman, Bandar) may have. */
export const malayPlaces: readonly string[] = list(`
Mawar Melati Kenanga Cempaka Anggerik Seroja Dahlia Teratai Merpati Helang Rajawali Delima Manggis Rambutan Pinang Kelapa
Indah Jaya Bahagia Sentosa Permai Murni Damai Makmur Harmoni Mewah Seri Utama Baru Besar Pasar Sungai Bukit Pantai Tasik
Merdeka Wangsa Intan Mutiara Nilam Kasturi Raya Perdana Maju Cahaya Suria Bintang Purnama
`);

/** Towns of Malaysia, with the state some are in. */
export const malayTowns: readonly string[] = phrases(
  `Ipoh, Melaka, Seremban, Kuantan, Kota Bharu, Alor Setar, Kuching, Klang, Muar, Taiping, Kajang, Rawang, Kluang, Sibu,
  Miri, Sandakan, Kuala Lumpur, Johor Bahru, Petaling Jaya, Butterworth, Temerloh, Dungun, Sepang, Nilai, Segamat,
  Batu Pahat, Sungai Petani, Cyberjaya, Gombak, Lumut`,
);

export const malayStates: readonly string[] = phrases(
  `Selangor, Johor, Perak, Pahang, Kedah, Sarawak, Sabah, Penang, Kelantan, Malaysia`,
);
