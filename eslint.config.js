import { defineConfig } from 'eslint/config';
import { createNodeResolver, importX } from 'eslint-plugin-import-x';
import tseslint from 'typescript-eslint';
import { dependencyRule } from './tools/dependency-rule.mjs';

export default defineConfig(
  {
    ignores: ['node_modules', '.longhaul', 'coverage', 'deploy/dev-cluster/tools', '**/*.mjs', '**/*.d.mts', 'eslint.config.js'],
  },
  tseslint.configs.strictTypeChecked,
  {
    files: ['**/*.ts', '**/*.tsx'],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    plugins: { longhaul: { rules: { dependencies: dependencyRule } }, 'import-x': importX },
    settings: {
      'import-x/extensions': ['.ts', '.tsx'],
      'import-x/parsers': { '@typescript-eslint/parser': ['.ts', '.tsx'] },
      'import-x/resolver-next': [createNodeResolver({ extensions: ['.ts', '.tsx', '.mjs'] })],
    },
    linterOptions: { reportUnusedDisableDirectives: 'error' },
    rules: {
      'longhaul/dependencies': 'error',
      'import-x/no-cycle': ['error', { ignoreExternal: true }],
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true, allowBoolean: true }],
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      // A schema and the type of what it parses share one name.
      '@typescript-eslint/no-redeclare': 'off',
      // `key: undefined` and a missing key differ in JSON; deleting is how a key goes.
      '@typescript-eslint/no-dynamic-delete': 'off',
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true, ignoreVoidReturningFunctions: true }],
      // A port's method is async even where one adapter has nothing to wait for: it rejects, it does not throw.
      '@typescript-eslint/require-await': 'off',
      'no-restricted-syntax': ['error', { selector: 'ExportDefaultDeclaration', message: 'Export a name.' }],
    },
  },
  // Their frameworks ask for a default export.
  { files: ['vitest.config.ts'], rules: { 'no-restricted-syntax': 'off' } },
  {
    files: ['test/**/*.ts'],
    rules: {
      // A test may say `!` where a wrong value fails it anyway.
      '@typescript-eslint/no-non-null-assertion': 'off',
    },
  },
);
