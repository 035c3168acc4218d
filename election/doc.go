// Package election decides which node leads. It is one pure Machine per node, driven by its owner.
package election
