package main

import (
	"embed"
	"net/http"
	"path"
)

// dashboardFiles are the page and what it is made of. Nothing comes from elsewhere.
//
//go:embed web/index.html web/app.css web/app.js web/app.svg
var dashboardFiles embed.FS

// dashboard are the addresses of those files, and their types. They hold nothing of the cluster, so that a browser gets them
// without a token; what they show they ask for, with one.
var dashboard = map[string]struct{ file, kind string }{
	"/":        {"index.html", "text/html; charset=utf-8"},
	"/app.css": {"app.css", "text/css; charset=utf-8"},
	"/app.js":  {"app.js", "text/javascript; charset=utf-8"},
	"/app.svg": {"app.svg", "image/svg+xml"},
}

// dashboardPolicy lets the page load its own files, ask its own server, show pictures that were dropped, and no more.
const dashboardPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self'; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"

// dashboardRoutes adds the page to what a server answers.
func dashboardRoutes(mux *http.ServeMux) {
	for address, page := range dashboard {
		content, err := dashboardFiles.ReadFile(path.Join("web", page.file))
		if err != nil {
			panic("p2pnode: dashboard: " + err.Error()) // it was built without
		}
		if address == "/" {
			address = "/{$}"
		}
		mux.HandleFunc("GET "+address, func(w http.ResponseWriter, _ *http.Request) {
			h := w.Header()
			h.Set("Content-Type", page.kind)
			h.Set("Content-Security-Policy", dashboardPolicy)
			h.Set("Referrer-Policy", "no-referrer")
			h.Set("Cross-Origin-Opener-Policy", "same-origin")
			w.Write(content)
		})
	}
}

// isDashboard reports whether a request is for a file of the page.
func isDashboard(r *http.Request) bool {
	_, ok := dashboard[r.URL.Path]
	return ok && (r.Method == http.MethodGet || r.Method == http.MethodHead)
}
