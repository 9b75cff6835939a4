package quorum

import (
	"math"
	"math/big"
	"strconv"
	"strings"
)

// SecondsPerYear is the Julian year, 365.25 days.
const SecondsPerYear = 31_557_600

// Probability is the probability that one thing is up. It carries both ends,
// because 1-p loses the very digits that matter when p is close to one. The
// zero value is not a probability.
type Probability struct {
	up, down float64 // in 0..1; up+down = 1 in exact arithmetic
}

// Certain is the probability of things that never fail.
var Certain = Probability{up: 1}

// Up returns the probability of being up.
func (p Probability) Up() float64 { return p.up }

// Down returns the probability of being down, to full precision even where
// 1-Up() has none.
func (p Probability) Down() float64 { return p.down }

func (p Probability) valid() bool { return p != Probability{} }

// NewProbability takes the probability of being up. Errors wrap ErrInvalid: p
// below 0, above 1, or not a number.
func NewProbability(p float64) (Probability, error) {
	if !(p >= 0 && p <= 1) { // written so that NaN fails
		return Probability{}, invalidf("probability %v is not between 0 and 1", p)
	}
	return Probability{up: p, down: 1 - p}, nil
}

// ParseProbability reads "0.99", "99%" or "1e-3". The complement is taken of
// the decimal text, not of its rounded value, so that 0.999999999 has a
// down probability of 1e-9 to the last digit. Errors wrap ErrInvalid.
func ParseProbability(text string) (Probability, error) {
	bad := invalidf("probability %q is not a number between 0 and 1 (or 0%% and 100%%)", text)
	number, percent := strings.CutSuffix(text, "%")
	value, err := strconv.ParseFloat(number, 64)
	limit := 1.0
	if percent {
		limit = 100
	}
	if err != nil || !(value >= 0 && value <= limit) {
		return Probability{}, bad
	}
	if len(number) > 64 || value != 0 && value < 1e-300 {
		return NewProbability(value / limit) // no rational of a million digits
	}
	exact, ok := new(big.Rat).SetString(number)
	if !ok { // hexadecimal and the like, which ParseFloat accepts
		return NewProbability(value / limit)
	}
	if percent {
		exact.Quo(exact, big.NewRat(100, 1))
	}
	up, _ := exact.Float64()
	down, _ := new(big.Rat).Sub(big.NewRat(1, 1), exact).Float64()
	return Probability{up: up, down: down}, nil
}

// FromRepair is the share of time a server is up that fails every mttf on average and is
// back after mttr on average, both in the same unit: mttf/(mttf+mttr). Errors wrap
// ErrInvalid: mttf not above zero, mttr below zero. Source: renewal theory.
func FromRepair(mttf, mttr float64) (Probability, error) {
	if !(mttf > 0) || math.IsInf(mttf, 0) {
		return Probability{}, invalidf("mean time to failure %v is not above zero", mttf)
	}
	if !(mttr >= 0) || math.IsInf(mttr, 0) {
		return Probability{}, invalidf("mean time to repair %v is below zero", mttr)
	}
	return Probability{up: mttf / (mttf + mttr), down: mttr / (mttf + mttr)}, nil
}

// Uniform gives every server the same probability.
func Uniform(p Probability) func(id int64) Probability {
	return func(int64) Probability { return p }
}

// chance is a probability in natural logarithms, so that no tail is
// too thin: ln of up and of down, both to full relative precision.
type chance struct{ up, down float64 }

func (p Probability) chance() chance { return chance{math.Log(p.up), math.Log(p.down)} }

// fromDown and fromUp complete a chance of which the smaller side is known.
func fromDown(down float64) chance { return chance{up: log1mexp(down), down: down} }
func fromUp(up float64) chance     { return chance{up: up, down: log1mexp(up)} }

// log1mexp is ln(1-e^x) for x <= 0.
func log1mexp(x float64) float64 {
	if x > -math.Ln2 {
		return math.Log(-math.Expm1(x))
	}
	return math.Log1p(-math.Exp(x))
}

// logAdd is ln(e^a + e^b).
func logAdd(a, b float64) float64 {
	if a < b {
		a, b = b, a
	}
	if math.IsInf(b, -1) {
		return a
	}
	return a + math.Log1p(math.Exp(b-a))
}
