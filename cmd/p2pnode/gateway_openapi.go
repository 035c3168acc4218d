package main

import (
	_ "embed"
	"net/http"
)

// openAPIFile describes what the HTTP address answers; a test holds it to the routes and codes that there are.
//
//go:embed web/openapi.json
var openAPIFile []byte

func openAPI(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	w.Write(openAPIFile)
}
