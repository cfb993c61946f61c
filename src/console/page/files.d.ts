declare module '*.css';
declare module '*.svg' {
  export const address: string;
}
