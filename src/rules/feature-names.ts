/** Names that the reference trainer cannot export: each feature becomes an argument of a TensorFlow function (longhaul_trainer/features.py). */

const PYTHONS_OWN = new Set(
  (
    'False None True and as assert async await break class continue def del elif else except finally for from global if import in is lambda ' +
    'nonlocal not or pass raise return try while with yield self'
  ).split(' '),
);

/** What is wrong with the names, the first mistake of each. */
export function unexportableNames(names: readonly string[]): { readonly name: string; readonly why: string }[] {
  const seen = new Map<string, string>();
  return names.flatMap((name) => {
    if (name.startsWith('_')) return [{ name, why: 'begins with _' }];
    if (PYTHONS_OWN.has(name)) return [{ name, why: "is a word of Python's own" }];
    const twin = seen.get(name.toLowerCase());
    seen.set(name.toLowerCase(), twin ?? name);
    return twin === undefined || twin === name ? [] : [{ name, why: `differs from ${twin} in case only` }];
  });
}
