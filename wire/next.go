//go:build p2pnode_next

package wire

// A version to come, for the drill of an upgrade (docs/OPERATIONS.md, "Upgrading one by one"): one more message, behind
// one more bit of features. No released binary is built with this tag.

// FeatureRollCall announces RollCall.
const FeatureRollCall uint64 = 1 << 63

// KindRollCall is the last of the kinds there is room for.
const KindRollCall Kind = kindRoom - 1

// RollCall says to a peer of the same version that its sender is of it too.
type RollCall struct {
	Whole bool `cbor:"1,keyasint,omitempty"` // the sender leads, and all its live peers announce the bit
}

// Kind implements Message.
func (RollCall) Kind() Kind { return KindRollCall }

func init() {
	rules[KindRollCall] = rule{name: "RollCall", says: peers, parse: parse[RollCall], reliable: true}
}
