package main

import (
	"context"
)

func (d *doctor) firewall(ctx context.Context) []finding { return nil }
