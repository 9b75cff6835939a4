package quorum

import "fmt"

// budget counts the elementary steps of one question: an addition or a
// multiplication of machine words, a nanosecond or so. An algorithm asks before
// it does a piece of work, however it came to be that large, and so ErrTooLarge
// comes early instead of an answer after an hour. The tests read what was
// spent: that is how they hold the work to what the documentation says, without
// looking at a clock.
type budget struct {
	spent, limit int64
	question     string // what takes the steps, for the error
	heaviest     int64  // weight; above 1, smaller weights would help
}

// What one question may take. What is answered unasked, beside other things, must
// not hold them up; what somebody asks for is worth a few seconds.
const (
	aGlance   = 30_000_000
	aQuestion = 4_000_000_000
)

// budgetFor is the budget of a question about s: "the failure profile".
func budgetFor(s System, question string, limit int64) *budget {
	b := &budget{limit: limit, question: fmt.Sprintf("%s of %s", question, plural(len(s.Voters()), "voter"))}
	if f, ok := s.(former); ok {
		for _, part := range f.forms() {
			for _, g := range part.groups {
				for _, m := range g.members {
					b.heaviest = max(b.heaviest, m.weight)
				}
			}
		}
	}
	return b
}

// spend takes steps from the budget; ErrTooLarge when so many are not left.
func (b *budget) spend(steps int64) error {
	if steps >= 0 && steps <= b.limit-b.spent {
		b.spent += steps
		return nil
	}
	return b.exhausted("takes more than %s steps", inWords(b.limit))
}

// exhausted is the error of a question that is too large.
func (b *budget) exhausted(why string, args ...any) error {
	b.spent = b.limit
	why = fmt.Sprintf(why, args...)
	if b.heaviest > 1 {
		return fmt.Errorf("%w: %s with weights up to %d %s; smaller weights, or fewer different ones, take fewer",
			ErrTooLarge, b.question, b.heaviest, why)
	}
	return fmt.Errorf("%w: %s %s", ErrTooLarge, b.question, why)
}

// inWords writes 30 million, 4 billion.
func inWords(n int64) string {
	if n >= 1e9 {
		return fmt.Sprintf("%d billion", n/1e9)
	}
	return fmt.Sprintf("%d million", n/1e6)
}
