return function resolve(state, batch, rows, from, to, slots) {
  const column0 = batch.columns[0];
  const codes0 = column0.codes;
  const ids0 = interner.idsOf(column0.dictionary);
  const column1 = batch.columns[1];
  const codes1 = column1.codes;
  const ids1 = interner.idsOf(column1.dictionary);
  const table = state.table;
  const keys = table.keyCells;
  let places = table.places;
  let mask = places.length - 1;
  const chunks = table.chunks;
  for (let i = from; i < to; i += 1) {
    const row = rows[i];
    let key0 = ids0[codes0[row]];
    if (key0 < 0) key0 = interner.internCode(column0.dictionary, ids0, codes0[row]);
    let key1 = ids1[codes1[row]];
    if (key1 < 0) key1 = interner.internCode(column1.dictionary, ids1, codes1[row]);
    let hash = 0;
    bits[0] = key0;
    hash ^= words[0] ^ Math.imul(words[1], 0x9e3779b1);
    hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
    hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
    hash ^= hash >>> 16;
    bits[0] = key1;
    hash ^= words[0] ^ Math.imul(words[1], 0x9e3779b1);
    hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
    hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
    hash ^= hash >>> 16;
    let place = hash & mask;
    let slot = places[place] - 1;
    while (slot >= 0) {
      const cells = chunks[slot >>> 16];
      const base = (slot & 65535) * 12;
      if (cells[base + 0] === key0 && cells[base + 1] === key1) break;
      place = (place + 1) & mask;
      slot = places[place] - 1;
    }
    if (slot < 0) {
      keys[0] = key0;
      keys[1] = key1;
      slot = table.addAt(place);
      places = table.places;
      mask = places.length - 1;
    }
    slots[i] = slot;
  }
  return to;
}
