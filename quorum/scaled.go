package quorum

import "math"

// scaled is a number from 0 that may be far smaller than a float64 can be, at the
// same relative precision: m·2^(256·e). The chance that 500 servers of 0.99 fail
// together is one. Logarithms would do, too, but adding in logarithms is ten
// times slower, and ln 1e-1000 has no digits to spare for the thirteenth one of 1e-1000.
type scaled struct {
	m float64 // 0, or in [2^-128, 2^128)
	e int
}

const (
	scaleUp, scaleDown = 0x1p256, 0x1p-256
	scaleHigh          = 0x1p128
	scaleLow           = 0x1p-128
)

// scaledExp is e^ln.
func scaledExp(ln float64) scaled {
	if math.IsInf(ln, -1) {
		return scaled{}
	}
	e := math.Round(ln / (256 * math.Ln2)) // 0 for any ordinary number, which then keeps all its digits
	return scaled{math.Exp(ln - e*256*math.Ln2), int(e)}.fit()
}

func (a scaled) log() float64 { return math.Log(a.m) + float64(a.e)*256*math.Ln2 }

// fit brings m into its range after one operation.
func (a scaled) fit() scaled {
	switch {
	case a.m >= scaleHigh:
		return scaled{a.m * scaleDown, a.e + 1}
	case a.m < scaleLow && a.m > 0:
		return scaled{a.m * scaleUp, a.e - 1}
	}
	return a
}

func (a scaled) times(b scaled) scaled { return scaled{a.m * b.m, a.e + b.e}.fit() }

func (a scaled) plus(b scaled) scaled {
	if a.e < b.e && b.m > 0 || a.m == 0 {
		a, b = b, a
	}
	switch a.e - b.e {
	case 0:
		return scaled{a.m + b.m, a.e}.fit()
	case 1:
		return scaled{a.m + b.m*scaleDown, a.e}.fit()
	}
	return a // b is 2^-256 of it, or 0
}
