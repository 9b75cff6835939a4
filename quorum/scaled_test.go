package quorum

import (
	"math"
	"math/big"
	"math/rand/v2"
	"testing"
)

// TestScaledAgreesWithBigFloats adds and multiplies numbers from 1e-1000 to 1 at
// random, and holds every result to one of 200 bits.
func TestScaledAgreesWithBigFloats(t *testing.T) {
	r := rand.New(rand.NewPCG(21, 22))
	exact := func(a scaled) *big.Float {
		return new(big.Float).SetPrec(200).SetMantExp(big.NewFloat(a.m), 256*a.e)
	}
	number := func() scaled {
		if r.IntN(10) == 0 {
			return scaled{}
		}
		return scaledExp(-2300 * r.Float64() * r.Float64())
	}
	for range 100_000 {
		a, b := number(), number()
		for _, c := range []struct {
			got  scaled
			want *big.Float
		}{
			{a.times(b), new(big.Float).SetPrec(200).Mul(exact(a), exact(b))},
			{a.plus(b), new(big.Float).SetPrec(200).Add(exact(a), exact(b))},
		} {
			if c.want.Sign() == 0 {
				if c.got.m != 0 || !math.IsInf(c.got.log(), -1) {
					t.Fatalf("%v and %v: %v, want 0", a, b, c.got)
				}
				continue
			}
			ratio, _ := new(big.Float).Quo(exact(c.got), c.want).Float64()
			if !near(ratio, 1, 4e-16) || c.got.m < scaleLow || c.got.m >= scaleHigh {
				t.Fatalf("%v and %v: %v, of the exact result %v", a, b, c.got, ratio)
			}
		}
	}
}
