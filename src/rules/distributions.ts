/** Normal and Student's distributions, as far as intervals and tests need them. Pure. */

/** P(Z ≤ x) of the standard normal distribution: the complementary error function of Numerical Recipes (2nd edition, 6.2), relative error below 1.2e-7. */
export function normalShare(x: number): number {
  const z = Math.abs(x) / Math.SQRT2;
  const t = 1 / (1 + z / 2);
  const coefficients = [
    0.17087277, -0.82215223, 1.48851587, -1.13520398, 0.27886807, -0.18628806, 0.09678418, 0.37409196, 1.00002368, -1.26551223,
  ];
  const complement = t * Math.exp(-z * z + coefficients.reduce((sum, coefficient) => sum * t + coefficient, 0));
  return x >= 0 ? 1 - complement / 2 : complement / 2;
}

/** Acklam's rational approximation (2003), relative error below 1.15e-9. @param share between 0 and 1 */
export function normalQuantile(share: number): number {
  const polynomial = (coefficients: readonly number[], x: number): number => coefficients.reduce((sum, each) => sum * x + each, 0);
  const a = [-39.69683028665376, 220.9460984245205, -275.9285104469687, 138.357751867269, -30.66479806614716, 2.506628277459239];
  const b = [-54.47609879822406, 161.5858368580409, -155.6989798598866, 66.80131188771972, -13.28068155288572, 1];
  const c = [-0.007784894002430293, -0.3223964580411365, -2.400758277161838, -2.549732539343734, 4.374664141464968, 2.938163982698783];
  const d = [0.007784695709041462, 0.3224671290700398, 2.445134137142996, 3.754408661907416, 1];
  const tail = 0.02425;
  if (share < tail || share > 1 - tail) {
    const q = Math.sqrt(-2 * Math.log(Math.min(share, 1 - share)));
    const x = polynomial(c, q) / polynomial(d, q);
    return share < tail ? x : -x;
  }
  const q = share - 0.5;
  return (q * polynomial(a, q * q)) / polynomial(b, q * q);
}

/** Cornish and Fisher's expansion about the normal quantile (Abramowitz & Stegun 26.7.5): to three digits from ten degrees of freedom on. */
export function studentQuantile(share: number, degrees: number): number {
  const z = normalQuantile(share);
  return (
    z +
    (z ** 3 + z) / (4 * degrees) +
    (5 * z ** 5 + 16 * z ** 3 + 3 * z) / (96 * degrees ** 2) +
    (3 * z ** 7 + 19 * z ** 5 + 17 * z ** 3 - 15 * z) / (384 * degrees ** 3)
  );
}
