/** Numbers as texts, to the digit as C writes them: JavaScript's own functions stop at 100 digits and at 1e21. */

/** A positive, finite number as numerator and denominator. */
function fractionOf(value: number): [bigint, bigint] {
  const view = new DataView(new ArrayBuffer(8));
  view.setFloat64(0, value);
  const bits = view.getBigUint64(0);
  const exponent = Number((bits >> 52n) & 0x7ffn);
  const mantissa = (bits & 0xfffffffffffffn) + (exponent === 0 ? 0n : 1n << 52n);
  const power = (exponent === 0 ? 1 : exponent) - 1075;
  return power >= 0 ? [mantissa << BigInt(power), 1n] : [mantissa, 1n << BigInt(-power)];
}

/** Rounded to a whole number, halves to the even one. */
function rounded(numerator: bigint, denominator: bigint): bigint {
  const whole = numerator / denominator;
  const twice = (numerator % denominator) * 2n;
  return twice > denominator || (twice === denominator && whole % 2n === 1n) ? whole + 1n : whole;
}

/** `%.{digits}f` of a number that is not negative. */
export function fixed(value: number, digits: number): string {
  const [numerator, denominator] = fractionOf(value);
  const text = rounded(numerator * 10n ** BigInt(digits), denominator)
    .toString()
    .padStart(digits + 1, '0');
  return digits === 0 ? text : `${text.slice(0, -digits)}.${text.slice(-digits)}`;
}

/** Digits and exponent of `%.{digits}e`. */
function scientific(value: number, digits: number): [string, number] {
  if (value === 0) return ['0'.repeat(digits + 1), 0];
  const [numerator, denominator] = fractionOf(value);
  let exponent = Math.floor(Math.log10(value));
  for (;;) {
    const shift = BigInt(digits - exponent);
    const text = (
      shift >= 0n ? rounded(numerator * 10n ** shift, denominator) : rounded(numerator, denominator * 10n ** -shift)
    ).toString();
    if (text.length === digits + 1) return [text, exponent];
    exponent += text.length > digits + 1 ? 1 : -1;
  }
}

const exponentText = (exponent: number): string => `e${exponent < 0 ? '-' : '+'}${String(Math.abs(exponent)).padStart(2, '0')}`;

/** `%.{digits}e` of a number that is not negative. */
export function exponential(value: number, digits: number, alternative = false): string {
  const [text, exponent] = scientific(value, digits);
  const point = digits > 0 || alternative ? '.' : '';
  return `${text.slice(0, 1)}${point}${text.slice(1)}${exponentText(exponent)}`;
}

/** `%.{digits}g` of a number that is not negative. */
export function general(value: number, digits: number, alternative = false): string {
  const significant = Math.max(1, digits);
  const enough = Math.min(significant, 1100);
  const [text, exponent] = scientific(value, enough - 1);
  if (exponent < -4 || exponent >= significant) {
    const rest = alternative ? text.slice(1) : text.slice(1).replace(/0+$/, '');
    return `${text.slice(0, 1)}${rest === '' && !alternative ? '' : `.${rest}`}${exponentText(exponent)}`;
  }
  const written = fixed(value, enough - 1 - exponent);
  if (alternative) return written.includes('.') ? written : `${written}.`;
  return written.includes('.') ? written.replace(/\.?0+$/, '') : written;
}

/** FLOAT64 as the shortest text of 15 or 17 digits that gives the number back. */
export function floatText(value: number): string {
  if (Number.isNaN(value)) return 'nan';
  if (!Number.isFinite(value)) return value > 0 ? 'inf' : '-inf';
  const sign = value < 0 || Object.is(value, -0) ? '-' : '';
  const size = Math.abs(value);
  const short = general(size, 15);
  return sign + (Number(short) === size ? short : general(size, 17));
}
