return function resolve(state, batch, rows, from, to, slots) {
  const combinations = state.combinations;
  const known = combinations.slots;
  const codes0 = batch.columns[0].codes;
  const codes1 = batch.columns[1].codes;
  const shift1 = combinations.shifts[1];
  for (let i = from; i < to; i += 1) {
    const row = rows[i];
    const place = ((codes0[row] << shift1) | codes1[row]);
    let slot = known[place] - 1;
    if (slot < 0) slot = state.addCombination(batch, row, place);
    slots[i] = slot;
  }
  return to;
}
