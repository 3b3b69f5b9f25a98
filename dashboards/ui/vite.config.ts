import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';

/** A running server that `npm run dev` asks; `orszem demo` is a good one. */
const server = process.env.ORSZEM_SERVER ?? 'http://127.0.0.1:7450';
const proxy = Object.fromEntries(['/app', '/api', '/loki', '/act'].map((path) => [path, { target: server, ws: true }]));

export default defineConfig({
  plugins: [react()],
  build: {
    target: 'es2023',
    manifest: true,
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0,
    reportCompressedSize: false,
    rolldownOptions: {
      output: {
        // What several pages use is small: one file of it costs less than a dozen questions to the server.
        codeSplitting: { groups: [{ name: 'shared', test: /src\/(api|app|kit)\/|react-query/, minShareCount: 2 }] },
      },
    },
  },
  server: { proxy },
  preview: {
    proxy,
    // What the server sends with the page, so that a preview breaks where it would.
    headers: {
      'content-security-policy':
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; worker-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    },
  },
});
