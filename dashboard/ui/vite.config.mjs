import { brotliCompressSync, gzipSync } from 'node:zlib';
import { defineConfig } from 'vite';

/** What the page may weigh, gzipped. */
const MOST_BYTES = 400_000;

/** Writes each file also compressed, so that the server does not have to. */
const compressed = {
  name: 'compressed',
  apply: 'build',
  enforce: 'post',
  generateBundle(_options, bundle) {
    let size = 0;
    for (const [fileName, file] of Object.entries(bundle)) {
      const source = Buffer.from(file.type === 'chunk' ? file.code : file.source);
      const zipped = gzipSync(source, { level: 9 });
      size += zipped.length;
      this.emitFile({ type: 'asset', fileName: `${fileName}.gz`, source: zipped });
      this.emitFile({ type: 'asset', fileName: `${fileName}.br`, source: brotliCompressSync(source) });
    }
    if (size > MOST_BYTES) this.error(`the page has ${size} bytes gzipped, of ${MOST_BYTES}`);
  },
};

/** Where `npm run dev` has its data from. */
const server = process.env.TIDEGATE_URL ?? 'http://127.0.0.1:9470';

export default defineConfig({
  esbuild: { jsx: 'automatic', jsxImportSource: 'preact' },
  plugins: [compressed],
  build: { target: 'es2022', modulePreload: { polyfill: false }, assetsInlineLimit: 0, chunkSizeWarningLimit: 900 },
  server: { proxy: { '/api': server, '/metrics': server } },
});
