package wire

import "fmt"

// Code is the closed list of outcomes that cross the network (PROTOCOL.md §10). Zero is OK.
type Code uint8

const (
	CodeOK Code = iota
	CodeBusy
	CodeUnauthorized
	CodeQuota
	CodeConflict
	CodeCancelled
	CodeExpired
	CodeNoCluster
	CodeNoLeader
	CodeNoQuorum
	CodeUnreachable
	CodeBadImage
	CodeUnsupported
	CodeTooManyPixels
	CodeCapacity
	CodeNoPayload
	CodeVerify
	CodeTimeout
	CodeUsage
	CodeConfig
	CodeInternal
	CodeExists
	CodeNotFound
	CodeIO
	CodePartial
)

var codes = [...]struct {
	name string
	exit int
}{
	{"OK", 0}, {"BUSY", 7}, {"UNAUTHORIZED", 7}, {"QUOTA", 7}, {"CONFLICT", 7}, {"CANCELLED", 7}, {"EXPIRED", 7},
	{"NO_CLUSTER", 4}, {"NO_LEADER", 4}, {"NO_QUORUM", 4}, {"UNREACHABLE", 4},
	{"BAD_IMAGE", 5}, {"UNSUPPORTED", 5}, {"TOO_MANY_PIXELS", 5}, {"CAPACITY", 5},
	{"NO_PAYLOAD", 6}, {"VERIFY", 8}, {"TIMEOUT", 124}, {"USAGE", 2}, {"CONFIG", 2},
	{"INTERNAL", 1}, {"EXISTS", 1}, {"NOT_FOUND", 1}, {"IO", 1}, {"PARTIAL", 3},
}

// String returns the name that JSON output carries.
func (c Code) String() string {
	if int(c) < len(codes) {
		return codes[c].name
	}
	return fmt.Sprintf("CODE_%d", uint8(c))
}

// Exit returns the exit status of a command that ends with c.
func (c Code) Exit() int {
	if int(c) < len(codes) {
		return codes[c].exit
	}
	return 1
}
