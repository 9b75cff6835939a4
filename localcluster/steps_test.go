package localcluster

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

func TestStepsAreTakenBack(t *testing.T) {
	var told []string
	tell := func(word string, err error) func() error {
		return func() error { told = append(told, word); return err }
	}
	broken, stuck := errors.New("broken"), errors.New("stuck")
	steps := []step{
		{"one", tell("do 1", nil), tell("undo 1", nil)},
		{"two", tell("do 2", nil), nil},
		{"three", tell("do 3", nil), tell("undo 3", stuck)},
		{"four", tell("do 4", broken), tell("undo 4", nil)},
		{"five", tell("do 5", nil), tell("undo 5", nil)},
	}
	var progress []string
	err := doSteps(steps, func(name string) { progress = append(progress, name) })
	if want := []string{"do 1", "do 2", "do 3", "do 4", "undo 3", "undo 1"}; !slices.Equal(told, want) {
		t.Errorf("%q, want %q", told, want)
	}
	if !errors.Is(err, broken) || !errors.Is(err, stuck) {
		t.Errorf("%v does not name both errors", err)
	}
	if got := strings.Join(progress, " "); got != "one two three four" {
		t.Errorf("progress %q", got)
	}
	steps[2].undo = nil
	if err := doSteps(steps, func(string) {}); err != broken {
		t.Errorf("%v is not just the error of the step", err)
	}
}
