package main

import (
	"encoding/json"
	"errors"
	"io/fs"
	"net/http"
	"strconv"
	"syscall"
	"time"

	"p2pnode/node"
	"p2pnode/stego"
	"p2pnode/wire"
)

// problem is why a request failed (RFC 9457), with the code that the command line would give.
type problem struct {
	Type   string   `json:"type"`
	Title  string   `json:"title"`
	Status int      `json:"status"`
	Detail string   `json:"detail"`
	Code   string   `json:"code"`
	Need   int64    `json:"need,omitempty"`  // of CAPACITY: bytes; of TOO_MANY_PIXELS: pixels
	Limit  int64    `json:"limit,omitempty"` // what there is of them
	Job    string   `json:"job,omitempty"`
	Tried  []string `json:"tried,omitempty"`
}

// statuses are the HTTP status of each code, unless an error has one of its own.
var statuses = map[wire.Code]int{
	wire.CodeUsage: http.StatusBadRequest, wire.CodeUnauthorized: http.StatusForbidden,
	wire.CodeNoPayload: http.StatusNotFound, wire.CodeNotFound: http.StatusNotFound,
	wire.CodeConflict: http.StatusConflict, wire.CodeExpired: http.StatusGone, wire.CodeCancelled: http.StatusGone,
	wire.CodeTooManyPixels: http.StatusRequestEntityTooLarge, wire.CodeUnsupported: http.StatusUnsupportedMediaType,
	wire.CodeBadImage: http.StatusUnprocessableEntity, wire.CodeCapacity: http.StatusUnprocessableEntity,
	wire.CodeQuota: http.StatusTooManyRequests, wire.CodeBusy: http.StatusServiceUnavailable,
	wire.CodeNoCluster: http.StatusServiceUnavailable, wire.CodeNoLeader: http.StatusServiceUnavailable,
	wire.CodeNoQuorum: http.StatusServiceUnavailable, wire.CodeUnreachable: http.StatusServiceUnavailable,
	wire.CodeTimeout: http.StatusGatewayTimeout, wire.CodeVerify: http.StatusBadGateway,
	wire.CodeInternal: http.StatusInternalServerError, wire.CodeIO: http.StatusInternalServerError,
}

// retryAfter is the answer to "when again", in seconds, of the statuses that are over one day.
var retryAfter = map[int]int{http.StatusTooManyRequests: 2, http.StatusServiceUnavailable: 1, http.StatusInsufficientStorage: 5}

// statusError is an error with an HTTP status that its code does not tell.
type statusError struct {
	status int
	error
}

func (e statusError) Unwrap() error { return e.error }

func withStatus(status int, err error) error { return statusError{status, err} }

// problemOf says what a request failed of.
func (g *gateway) problemOf(err error) problem {
	f := g.explain(err)
	status, ok := statuses[f.Code]
	if !ok {
		status = http.StatusInternalServerError
	}
	if f.Code == wire.CodeIO && isFull(err) {
		status = http.StatusInsufficientStorage
	}
	if own, ok := errors.AsType[statusError](err); ok {
		status = own.status
	}
	p := problemFor(status, f)
	p.Need, p.Limit = numbersOf(err)
	return p
}

// isFull reports whether a disk had no room here, or one at the servers that were asked had none or could not be read: what they
// call IO may be better after a while, and is not this server's fault.
func isFull(err error) bool {
	_, elsewhere := errors.AsType[*node.RemoteError](err)
	return elsewhere || errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}

func problemFor(status int, f *failure) problem {
	return problem{Type: "about:blank", Title: http.StatusText(status), Status: status, Detail: f.What, Code: f.Code.String(), Tried: f.Tried}
}

// explain is the command's, without the names of this server's files.
func (g *gateway) explain(err error) *failure {
	var path *fs.PathError
	if known, ok := errors.AsType[*failure](err); ok {
		return known
	}
	if errors.As(err, &path) {
		g.log.Error("gateway has trouble with a file", "error", err)
		err = diskError(err)
	}
	return g.p.explain(err)
}

// numbersOf are how much was wanted of how much there is.
func numbersOf(err error) (need, limit int64) {
	var remote *node.RemoteError
	var capacity *stego.CapacityError
	var pixels *stego.LimitError
	switch {
	case errors.As(err, &remote):
		return remote.Need, remote.Limit
	case errors.As(err, &capacity):
		return capacity.Need, capacity.Have
	case errors.As(err, &pixels):
		return pixels.Pixels, pixels.Max
	}
	return 0, 0
}

// lastLook is how long the rest of a body is read that nobody wants, so that its sender gets to the answer.
const lastLook = 500 * time.Millisecond

// refuse answers with a problem. Where a body has not been read to its end, the connection ends with it.
func (v *visitor) refuse(err error) {
	p := v.g.problemOf(err)
	p.Job = v.w.Header().Get("X-P2pnode-Job")
	v.g.log.Debug("gateway refused", "path", v.r.URL.Path, "status", p.Status, "code", p.Code, "error", err)
	now := time.Now()
	v.control.SetReadDeadline(now.Add(lastLook))
	v.control.SetWriteDeadline(now.Add(slowStart))
	writeProblem(v.w, p)
}

// writeFailure writes a failure as a problem, with the status of its code.
func writeFailure(w http.ResponseWriter, f *failure) {
	writeProblem(w, problemFor(statuses[f.Code], f))
}

// writeProblem writes application/problem+json. When to come again may have been said already.
func writeProblem(w http.ResponseWriter, p problem) {
	w.Header().Set("Content-Type", "application/problem+json")
	if seconds := retryAfter[p.Status]; seconds > 0 && w.Header().Get("Retry-After") == "" {
		w.Header().Set("Retry-After", strconv.Itoa(seconds))
	}
	w.WriteHeader(p.Status)
	json.NewEncoder(w).Encode(p) // an error: nobody reads any more
}

// routed is a mux whose own refusals are problems, too.
func routed(mux *http.ServeMux) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, pattern := mux.Handler(r); pattern == "" {
			w = &unrouted{ResponseWriter: w, r: r}
		}
		mux.ServeHTTP(w, r)
	})
}

// unrouted makes a problem of what the mux says in plain text of a request that has no route.
type unrouted struct {
	http.ResponseWriter
	r       *http.Request
	refused bool
}

func (u *unrouted) WriteHeader(status int) {
	switch status {
	case http.StatusNotFound:
		u.refuse(status, failf(wire.CodeNotFound, "there is nothing at %s", u.r.URL.Path))
	case http.StatusMethodNotAllowed:
		u.refuse(status, usagef("%s takes %s, not %s", u.r.URL.Path, u.Header().Get("Allow"), u.r.Method))
	default:
		u.ResponseWriter.WriteHeader(status)
	}
}

func (u *unrouted) refuse(status int, f *failure) {
	u.refused = true
	writeProblem(u.ResponseWriter, problemFor(status, f))
}

// Write drops the words of the mux where there is a problem instead.
func (u *unrouted) Write(p []byte) (int, error) {
	if u.refused {
		return len(p), nil
	}
	return u.ResponseWriter.Write(p)
}
