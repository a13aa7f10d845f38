import { defineConfig } from "vite";

// The box serves the four pages itself; in development its API is reached through a proxy.
const BOX = process.env["CALLBOX_ORIGIN"] ?? "https://127.0.0.1:8443";
const proxy = { target: BOX, secure: false, changeOrigin: true };

export default defineConfig({
  appType: "mpa",
  build: {
    target: "es2022",
    // The content security policy knows no `data:` scripts or styles: nothing is inlined.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    sourcemap: false,
    rollupOptions: {
      input: { index: "index.html", setup: "setup.html", admin: "admin.html", phone: "phone.html" },
    },
  },
  server: {
    proxy: { "/api": proxy, "/socket.io": { ...proxy, ws: true } },
  },
});
