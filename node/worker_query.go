package node

import (
	"encoding/json"
	"errors"
	"slices"

	"p2pnode/wire"
)

// onlyServers is said to whoever gives an order without having proved K_server.
var onlyServers = refusal{code: wire.CodeUnauthorized, detail: "this needs the peer token"}

// query answers with one JSON object.
func (w *worker) query(q wire.Query) {
	v := viewer{owner: w.source(), peer: w.peerProven(q.Peer)}
	if !w.t.cfg.OpenClients && !v.peer && !w.proven(q.Proof) {
		w.say(wire.Report{Code: unauthorized.code, Detail: unauthorized.detail})
		return
	}
	ctx, cancel := w.present()
	defer cancel()
	answer, err := w.t.desk.report(ctx, q, v)
	var r wire.Report
	if err == nil {
		r.JSON, err = json.Marshal(answer)
	}
	if err != nil {
		r = reportOf(err)
	}
	w.say(r)
}

// carriedOut is what an order is answered that has nothing else to tell.
var carriedOut = map[string]bool{"ok": true}

// order has the server do something, for whoever has proved K_server, and answers with what it tells.
func (w *worker) order(proof []byte, do func() (any, error)) {
	if !w.peerProven(proof) {
		w.say(wire.Report{Code: onlyServers.code, Detail: onlyServers.detail})
		return
	}
	var raw []byte
	told, err := do()
	if err == nil {
		raw, err = json.Marshal(told)
	}
	if err != nil {
		w.say(reportOf(err))
		return
	}
	w.say(wire.Report{JSON: raw})
}

// reread has the configuration read again.
func (w *worker) reread() (any, error) {
	if w.t.cfg.Reread == nil {
		return nil, &RemoteError{Code: wire.CodeUnsupported, Detail: "this server has no configuration to read again"}
	}
	r, err := w.t.cfg.Reread(w.ctx)
	if err != nil {
		return nil, &RemoteError{Code: wire.CodeConfig, Detail: clip(err.Error(), 1024)}
	}
	return r, nil
}

// peerProven reports whether the client showed, on this connection, that it holds K_server.
func (w *worker) peerProven(proof []byte) bool {
	if len(proof) == 0 {
		return false
	}
	state := w.conn.ConnectionState().TLS
	return PeerProven(w.t.ident.Server, &state, proof) ||
		slices.ContainsFunc(w.t.also, func(i *Identity) bool { return PeerProven(i.Server, &state, proof) })
}

// reportOf says why there is no report.
func reportOf(err error) wire.Report {
	var refused *RemoteError
	if errors.As(err, &refused) {
		return wire.Report{Code: refused.Code, Detail: refused.Detail}
	}
	return wire.Report{Code: wire.CodeInternal, Detail: clip(err.Error(), 1024)}
}
