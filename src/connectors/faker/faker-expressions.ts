/**
 * Expressions of 'faker' columns, as SQL over the row's number `i`: text with `#{provider 'a','b'}` in
 * it. Owns the providers that there are, and their words. Names are read in any spelling:
 * Name.firstName and name.first_name are one.
 */
import { closest } from '../../sql/suggest.js';

/** What is wrong with an expression. */
export class FakerFault extends Error {
  override readonly name = 'FakerFault';
  readonly hint: string;
  constructor(message: string, hint: string) {
    super(message);
    this.hint = hint;
  }
}

const FIRST_NAMES = [
  'Ada',
  'Alan',
  'Barbara',
  'Dennis',
  'Edsger',
  'Frances',
  'Grace',
  'Jim',
  'Ken',
  'Leslie',
];
const LAST_NAMES = [
  'Allen',
  'Dijkstra',
  'Gray',
  'Hopper',
  'Lamport',
  'Liskov',
  'Lovelace',
  'Ritchie',
  'Thompson',
  'Turing',
];
const CITIES = [
  'Accra',
  'Bergen',
  'Cusco',
  'Delft',
  'Hanoi',
  'Kyoto',
  'Lagos',
  'Lyon',
  'Quito',
  'Sofia',
];
const COUNTRIES = [
  'Bolivia',
  'Chile',
  'Estonia',
  'Ghana',
  'India',
  'Japan',
  'Kenya',
  'Nepal',
  'Norway',
  'Peru',
];
const COLORS = [
  'black',
  'blue',
  'brown',
  'green',
  'grey',
  'orange',
  'purple',
  'red',
  'white',
  'yellow',
];
const MATERIALS = [
  'Bronze',
  'Copper',
  'Cotton',
  'Granite',
  'Iron',
  'Linen',
  'Marble',
  'Paper',
  'Steel',
  'Wool',
];
const PRODUCTS = [
  'Bench',
  'Bottle',
  'Chair',
  'Clock',
  'Coat',
  'Keyboard',
  'Knife',
  'Lamp',
  'Shoes',
  'Table',
];
const COMPANIES = [
  'Acme',
  'Contoso',
  'Cyberdyne',
  'Globex',
  'Hooli',
  'Initech',
  'Stark',
  'Tyrell',
  'Umbrella',
  'Wayne',
];
const WORDS = ['alias', 'dolor', 'enim', 'fuga', 'ipsum', 'lorem', 'nobis', 'quia', 'sit', 'vero'];
const DOMAINS = ['example.com', 'example.net', 'example.org'];
const UNIT_MS: Readonly<Record<string, number>> = {
  MILLISECONDS: 1,
  SECONDS: 1000,
  MINUTES: 60_000,
  HOURS: 3_600_000,
  DAYS: 86_400_000,
};

/** SQL of a value; `seed` is its own, and a hundred more that follow. */
type Provider = (args: readonly string[], seed: number) => string;

const quoted = (text: string): string => `'${text.replaceAll("'", "''")}'`;

/** One of the words, each as often as the others. */
function oneOf(words: readonly string[], seed: number): string {
  const list = words.map(quoted).join(', ');
  return `ARRAY[${list}][RANDOM_BIGINT_AT(${seed}, i, 1, ${words.length})]`;
}

function wholeArgument(args: readonly string[], at: number): string {
  const text = args[at]?.trim() ?? '';
  if (/^[+-]?\d{1,18}$/.test(text)) return text;
  throw new FakerFault(
    `"${text}" is no whole number`,
    "write whole numbers in quotes: #{number.number_between '1','100'}",
  );
}

function pastMs(args: readonly string[]): number {
  const unit = (args[1] ?? 'SECONDS').trim().toUpperCase();
  const ms = Object.hasOwn(UNIT_MS, unit) ? UNIT_MS[unit] : undefined;
  if (ms !== undefined) return Number(wholeArgument(args, 0)) * ms;
  throw new FakerFault(`"${unit}" is no unit`, `units are ${Object.keys(UNIT_MS).join(', ')}`);
}

const name: Provider = (_, seed) =>
  `${oneOf(FIRST_NAMES, seed)} || ' ' || ${oneOf(LAST_NAMES, seed + 1)}`;

/** By the name without dots and underscores, in lower case. */
const PROVIDERS: Readonly<Record<string, { readonly spelled: string; readonly make: Provider }>> = {
  namefirstname: { spelled: 'name.first_name', make: (_, seed) => oneOf(FIRST_NAMES, seed) },
  namelastname: { spelled: 'name.last_name', make: (_, seed) => oneOf(LAST_NAMES, seed) },
  namefullname: { spelled: 'name.full_name', make: name },
  namename: { spelled: 'name.name', make: name },
  addresscity: { spelled: 'address.city', make: (_, seed) => oneOf(CITIES, seed) },
  addresscountry: { spelled: 'address.country', make: (_, seed) => oneOf(COUNTRIES, seed) },
  colorname: { spelled: 'color.name', make: (_, seed) => oneOf(COLORS, seed) },
  companyname: { spelled: 'company.name', make: (_, seed) => oneOf(COMPANIES, seed) },
  commerceproductname: {
    spelled: 'commerce.product_name',
    make: (_, seed) => `${oneOf(MATERIALS, seed)} || ' ' || ${oneOf(PRODUCTS, seed + 1)}`,
  },
  loremword: { spelled: 'lorem.word', make: (_, seed) => oneOf(WORDS, seed) },
  internetemailaddress: {
    spelled: 'internet.email_address',
    make: (_, seed) =>
      `LOWER(${oneOf(FIRST_NAMES, seed)}) || '.' || LOWER(${oneOf(LAST_NAMES, seed + 1)}) || '@' || ${oneOf(DOMAINS, seed + 2)}`,
  },
  internetuuid: {
    spelled: 'internet.uuid',
    make: (_, seed) =>
      [8, 4, 4, 4, 12]
        .map((size, at) => `RANDOM_TEXT_AT(${seed + at}, i, ${size})`)
        .join(` || '-' || `),
  },
  internetipv4address: {
    spelled: 'internet.ip_v4_address',
    make: (_, seed) =>
      [0, 1, 2, 3]
        .map((at) => `CAST(RANDOM_BIGINT_AT(${seed + at}, i, 1, 254) AS STRING)`)
        .join(` || '.' || `),
  },
  numbernumberbetween: {
    spelled: "number.number_between '1','100'",
    // As in the library, the end is not among the numbers.
    make: (args, seed) => {
      const [low, high] = [wholeArgument(args, 0), wholeArgument(args, 1)];
      const most = BigInt(high) > BigInt(low) ? BigInt(high) - 1n : BigInt(low);
      return `RANDOM_BIGINT_AT(${seed}, i, ${low}, ${most})`;
    },
  },
  numberrandomdigit: {
    spelled: 'number.random_digit',
    make: (_, seed) => `RANDOM_BIGINT_AT(${seed}, i, 0, 9)`,
  },
  numberrandomdouble: {
    spelled: "number.random_double '2','1','100'",
    make: (args, seed) => {
      const [digits, low, high] = [0, 1, 2].map((at) => wholeArgument(args, at));
      return `ROUND(${low} + RANDOM_AT(${seed}, i) * (${high} - ${low}), ${digits})`;
    },
  },
  boolbool: { spelled: 'bool.bool', make: (_, seed) => `RANDOM_AT(${seed}, i) < 0.5` },
  optionsoption: {
    spelled: "options.option 'a','b'",
    make: (args, seed) => {
      if (args.length > 0) return oneOf(args, seed);
      throw new FakerFault('it has nothing to choose from', "write #{options.option 'a','b'}");
    },
  },
  regexify: {
    spelled: "regexify '(a|b){1}'",
    make: ([pattern = ''], seed) => {
      const words = /^\(([^()[\]{}*+?\\]+)\)(?:\{1\})?$/.exec(pattern)?.[1]?.split('|');
      if (words !== undefined) return oneOf(words, seed);
      throw new FakerFault(
        `"${pattern}" is no choice of words`,
        "of regexify there is '(a|b|c){1}' only; write #{options.option 'a','b','c'}",
      );
    },
  },
  datepast: {
    spelled: "date.past '5','SECONDS'",
    make: (args, seed) => `_TIMESTAMP - RANDOM_BIGINT_AT(${seed}, i, 1, ${pastMs(args)})`,
  },
};

/** Throws FakerFault. */
export function fakerSql(expression: string, seed: number): string {
  const parts: string[] = [];
  let done = 0;
  let own = seed;
  for (const found of expression.matchAll(/#\{([^}]*(?:\}(?=[^#{}']*'[^}]*\})[^}]*)?)\}/g)) {
    if (found.index > done) parts.push(quoted(expression.slice(done, found.index)));
    parts.push(callSql(found[1] ?? '', own));
    own += 10;
    done = found.index + found[0].length;
  }
  if (parts.length === 0) return quoted(expression);
  if (done < expression.length) parts.push(quoted(expression.slice(done)));
  const [only = "''"] = parts;
  if (parts.length === 1) return only;
  return parts
    .map((part) => (part.startsWith("'") ? part : `CAST((${part}) AS STRING)`))
    .join(' || ');
}

/** `name.first_name`, `number.number_between '1','9'`. */
function callSql(call: string, seed: number): string {
  const [, written = '', rest = ''] = /^\s*([\w.]+)\s*(.*)$/s.exec(call) ?? [];
  const known = PROVIDERS[written.replace(/[._]/g, '').toLowerCase()];
  if (
    known === undefined ||
    !Object.hasOwn(PROVIDERS, written.replace(/[._]/g, '').toLowerCase())
  ) {
    const spellings = Object.values(PROVIDERS).map(({ spelled }) => spelled);
    const nearest = closest(
      written,
      spellings.map((spelling) => spelling.split(' ')[0] ?? ''),
    );
    throw new FakerFault(
      `expression "#{${call}}" is not known`,
      nearest === undefined ? `there are ${spellings.join(', ')}` : `did you mean "${nearest}"?`,
    );
  }
  return known.make(argumentsOf(rest, call), seed);
}

function argumentsOf(text: string, call: string): string[] {
  const args = [...text.matchAll(/'((?:[^']|'')*)'\s*,?\s*/gy)].map(([, value = '']) =>
    value.replaceAll("''", "'"),
  );
  const length = [...text.matchAll(/'((?:[^']|'')*)'\s*,?\s*/gy)].reduce(
    (sum, [whole]) => sum + whole.length,
    0,
  );
  if (text.slice(length).trim() === '') return args;
  throw new FakerFault(
    `arguments of "#{${call}}" cannot be read`,
    "write them in quotes, with commas: #{number.number_between '1','100'}",
  );
}
