module p2pnode/stego/peerbench

go 1.26.0

require (
	github.com/auyer/steganography v1.0.3
	p2pnode v0.0.0
)

require (
	github.com/klauspost/compress v1.20.3 // indirect
	golang.org/x/crypto v0.58.0 // indirect
	golang.org/x/image v0.47.0 // indirect
	golang.org/x/sys v0.49.0 // indirect
)

replace p2pnode => ../..
