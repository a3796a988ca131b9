// What clipping does to units, as nfnet/formulas.py has it; a browser test compares the two.
// units: {weight, gradient (norms, one a unit), layer (index), layers (how many)}

const EPS = 1e-3; // floor on a weight's norm
const GUARD = 1e-6; // keeps an all-zero gradient from dividing by zero

// What is compared with the threshold and clipped as one: each unit, each layer, or the whole net.
// Returns {of: piece of each unit, weight, gradient: norms, one a piece}.
function piecesOf(units, by) {
  const count = units.weight.length;
  if (by === "unit") {
    return { of: units.weight.map((_, i) => i), weight: units.weight, gradient: units.gradient };
  }
  const of = by === "layer" ? units.layer : new Array(count).fill(0);
  const pieces = by === "layer" ? units.layers : 1;
  const [weight, gradient] = [new Array(pieces).fill(0), new Array(pieces).fill(0)];
  for (let i = 0; i < count; i++) {
    weight[of[i]] += units.weight[i] ** 2;
    gradient[of[i]] += units.gradient[i] ** 2;
  }
  return { of, weight: weight.map(Math.sqrt), gradient: gradient.map(Math.sqrt) };
}

function ratiosOf({ weight, gradient }) {
  return weight.map((w, i) => gradient[i] / Math.max(w, EPS));
}

// What each unit's gradient is multiplied by; `clipping` null: nothing is clipped.
function factorsOf(units, pieces, clipping) {
  if (clipping === null) return units.weight.map(() => 1);
  const factor = pieces.weight.map((w, i) =>
    Math.min(1, (clipping * Math.max(w, EPS)) / Math.max(pieces.gradient[i], GUARD)));
  return pieces.of.map((piece) => factor[piece]);
}

function lengthOf(gradient, factor) {
  return Math.sqrt(gradient.reduce((sum, g, i) => sum + (g * factor[i]) ** 2, 0));
}

// What has become of the units, in the sentence that app/demos/clipping_words.py would say.
function tell(units, pieces, clipping, by) {
  const factor = factorsOf(units, pieces, clipping);
  const all = factor.length;
  const ratio = ratiosOf(units);
  if (clipping === null) {
    const [low, high] = [Math.min(...ratio), Math.max(...ratio)];
    return `No clipping: ratios run from ${written(low, 2)} to ${written(high, 2)} over ${all} units.`;
  }
  const cut = factor.filter((f) => f < 1);
  const start = `λ = ${written(clipping, 6)}: `;
  const share = `${cut.length} of ${all} units (${percent(cut.length / all)})`;
  if (by === "global") {
    const whole = ratiosOf(pieces)[0];
    const told = `${start}the whole net's ratio is ${written(whole, 3)}, `;
    if (!cut.length) return `${told}not above it; nothing changes.`;
    const norm = clipping * Math.max(pieces.weight[0], EPS);
    return `${told}above it, so every unit is multiplied by ${written(cut[0], 2)}. `
      + `This is clipping the global norm at ${written(norm, 2)}.`;
  }
  if (!cut.length) return `${start}none of the ${all} units is above it; nothing changes.`;
  if (by === "layer") {
    const above = ratiosOf(pieces).filter((r) => r > clipping).length;
    const small = factor.filter((f, i) => f < 1 && ratio[i] <= clipping).length;
    return `${start}${above} of ${pieces.weight.length} layers (weights, gains and biases apart) `
      + `are above it, so ${share} are shortened, ${small} of them although their own ratio is not above it.`;
  }
  return `${start}${share} are shortened, the median one of them to ${written(median(cut), 2)} of its `
    + "length. The others stay as they are.";
}

function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

// A half goes to the even neighbour, as in Python.
function percent(share) {
  const hundredths = 100 * share;
  const half = Math.abs(hundredths - Math.floor(hundredths) - 0.5) < 1e-9;
  return `${half ? 2 * Math.round(hundredths / 2) : Math.round(hundredths)}%`;
}

// A number with so many significant digits, as app/numbers.py writes it.
function written(value, digits) {
  if (value === 0) return "0";
  const text = value.toExponential(digits - 1);
  const [mantissa, power] = text.split("e");
  const [rounded, exponent] = [Number(text), Number(power)];
  const bare = (number) => (number.includes(".") ? number.replace(/\.?0+$/, "") : number);
  if (rounded < 1e-4 || rounded >= 1e6) return `${bare(mantissa)} × 10${raised(exponent)}`;
  const plain = bare(rounded.toFixed(Math.max(0, digits - 1 - exponent)));
  return plain.replace(/^(\d+)(\d{3})(?=\.|$)/, "$1,$2");
}

function raised(power) {
  return String(power).replace(/./g, (c) => (c === "-" ? "⁻" : "⁰¹²³⁴⁵⁶⁷⁸⁹"[Number(c)]));
}
