package main

import "p2pnode/wire"

// outcomes counts how the items of one command ended.
type outcomes struct {
	good, bad int
	first     error
}

func (o *outcomes) add(err error) {
	if err == nil {
		o.good++
		return
	}
	o.bad++
	if o.first == nil {
		o.first = err
	}
}

// err ends the command: every failure has been reported already. All failed: the
// first one's status; some: partial.
func (o *outcomes) err(p *program) error {
	switch {
	case o.bad == 0:
		return nil
	case o.good > 0:
		return reported{exit: wire.CodePartial.Exit()}
	}
	return reported{exit: p.explain(o.first).exit()}
}

// reportOne says why one of several items failed.
func (p *program) reportOne(input string, err error) {
	f := p.explain(err)
	if !p.given.json {
		f.print(p.stderr)
		return
	}
	p.printJSON(failed{Schema: p.schema(), Input: input, Code: f.Code.String(), Error: f.What, Hint: f.hint()})
}
