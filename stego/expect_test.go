package stego

import "errors"

func isNoPayload(err error) bool { return errors.Is(err, ErrNoPayload) }

func sameCapacity(err error, want CapacityError) bool {
	var got *CapacityError
	return errors.As(err, &got) && got.Need == want.Need && got.Have == want.Have
}
