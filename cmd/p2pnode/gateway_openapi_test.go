package main

import (
	"encoding/json"
	"maps"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"p2pnode/node"
)

// described is what these tests read of web/openapi.json.
type described struct {
	OpenAPI string `json:"openapi"`
	Paths   map[string]map[string]struct {
		OperationID string         `json:"operationId"`
		Responses   map[string]any `json:"responses"`
		RequestBody struct {
			Content map[string]struct {
				Schema struct {
					Properties map[string]any `json:"properties"`
				} `json:"schema"`
			} `json:"content"`
		} `json:"requestBody"`
	} `json:"paths"`
	Components struct {
		Schemas map[string]struct {
			Required   []string `json:"required"`
			Properties map[string]struct {
				Enum []string `json:"enum"`
			} `json:"properties"`
		} `json:"schemas"`
	} `json:"components"`
}

func description(t testing.TB) (d described) {
	t.Helper()
	if err := json.Unmarshal(openAPIFile, &d); err != nil || !strings.HasPrefix(d.OpenAPI, "3.1.") {
		t.Fatalf("web/openapi.json: %v, version %q", err, d.OpenAPI)
	}
	return d
}

func describedCodes(t testing.TB) []string {
	return description(t).Components.Schemas["Problem"].Properties["code"].Enum
}

// routeCall is how a route is registered in the source of the HTTP server.
var routeCall = regexp.MustCompile(`mux\.Handle(?:Func)?\("(GET|POST) (/(?:v1/|livez|readyz|metrics)[^"]*)"`)

// routesWritten finds the routes for programs that this package registers.
func routesWritten(t *testing.T) (routes []string) {
	t.Helper()
	for _, r := range gatewayRoutes {
		routes = append(routes, "POST "+r.path)
	}
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range files {
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range routeCall.FindAllStringSubmatch(string(content), -1) {
			if !strings.HasSuffix(path, "_test.go") {
				routes = append(routes, m[1]+" "+m[2])
			}
		}
	}
	slices.Sort(routes)
	return routes
}

func TestDescriptionHasTheRoutesThatThereAre(t *testing.T) {
	var described []string
	for path, methods := range description(t).Paths {
		for method := range methods {
			described = append(described, strings.ToUpper(method)+" "+path)
		}
	}
	slices.Sort(described)
	if written := routesWritten(t); !slices.Equal(described, written) {
		t.Errorf("web/openapi.json describes\n%q, there are\n%q", described, written)
	}
}

func TestDescriptionHasTheFieldsThatThereAre(t *testing.T) {
	d := description(t)
	for _, r := range gatewayRoutes {
		fields := slices.Sorted(maps.Keys(d.Paths[r.path]["post"].RequestBody.Content["multipart/form-data"].Schema.Properties))
		want := append(strings.Fields(r.fields), "image")
		if slices.Sort(want); !slices.Equal(fields, want) {
			t.Errorf("%s: fields %q described, there are %q", r.path, fields, want)
		}
	}
}

// TestDescriptionHasTheCodesThatThereAre: the codes of problems and the statuses of the busiest route are those of the source.
func TestDescriptionHasTheCodesThatThereAre(t *testing.T) {
	d, codes := description(t), []string{}
	there := map[string]bool{"200": true, "401": true, "408": true, "413": true, "415": true, "421": true, "507": true} // of the guard, of statusError, and of a full disk
	for code, status := range statuses {
		codes, there[strconv.Itoa(status)] = append(codes, code.String()), true
	}
	described := slices.Sorted(slices.Values(describedCodes(t)))
	if slices.Sort(codes); !slices.Equal(codes, described) {
		t.Errorf("codes %q described, there are %q", described, codes)
	}
	for _, r := range gatewayRoutes {
		for status := range d.Paths[r.path]["post"].Responses {
			if !there[status] {
				t.Errorf("%s: no request ends with %s", r.path, status)
			}
		}
	}
	for status := range there {
		if _, ok := d.Paths["/v1/encrypt"]["post"].Responses[status]; !ok {
			t.Errorf("/v1/encrypt can end with %s, which is not described", status)
		}
	}
}

// Whatever fails below /v1/ is described as a problem.
func TestDescriptionHasProblemsOnly(t *testing.T) {
	for path, methods := range description(t).Paths {
		for _, m := range methods {
			for status, r := range m.Responses {
				content, _ := r.(map[string]any)["content"].(map[string]any)
				if strings.HasPrefix(path, "/v1/") && status >= "400" && (len(content) != 1 || content["application/problem+json"] == nil) {
					t.Errorf("%s: %s is described as %v", path, status, content)
				}
			}
		}
	}
}

// TestDescriptionHasTheObjectsThatThereAre compares schemas with what is written.
func TestDescriptionHasTheObjectsThatThereAre(t *testing.T) {
	d, text := description(t), ""
	for name, object := range map[string]any{
		"Encrypted": struct {
			encrypted
			Image string `json:"image_base64"`
		}{},
		"Decrypted": decrypted{Name: "x", Text: &text, Payload: &[]byte{}},
		"Capacity":  held{},
		"Problem":   problem{Need: 1, Limit: 1, Job: "x", Tried: []string{"x"}},
	} {
		content, err := json.Marshal(object)
		fields := map[string]any{}
		if err == nil {
			err = json.Unmarshal(content, &fields)
		}
		if err != nil {
			t.Fatal(err)
		}
		schema := d.Components.Schemas[name]
		if have, want := slices.Sorted(maps.Keys(schema.Properties)), slices.Sorted(maps.Keys(fields)); !slices.Equal(have, want) {
			t.Errorf("%s: %q described, written is %q", name, have, want)
		}
		for _, field := range schema.Required {
			if _, ok := fields[field]; !ok {
				t.Errorf("%s: %s is required and not written", name, field)
			}
		}
	}
}

func TestDescriptionIsServed(t *testing.T) {
	s := &server{metrics: newMetrics(), node: new(node.Node)}
	w := httptest.NewRecorder()
	s.routes(loneGateway(t), false).ServeHTTP(w, httptest.NewRequest("GET", "/v1/openapi.json", nil))
	if w.Code != 200 || w.Body.String() != string(openAPIFile) || w.Header().Get("Content-Type") != "application/json" {
		t.Errorf("%d %v, %d bytes", w.Code, w.Header(), w.Body.Len())
	}
}
