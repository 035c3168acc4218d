// Command p2pnode hides text in images with the help of a cluster of peers that
// elects its own leader. Everything it knows of the protocol is in package node;
// this package is the command line: one file per subcommand.
package main

import "os"

func main() {
	os.Exit(newProgram(os.Stdin, os.Stdout, os.Stderr).run(os.Args))
}
