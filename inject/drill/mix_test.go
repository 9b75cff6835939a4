package drill

import (
	"slices"
	"testing"

	"zkctl/inject/scenario"
)

// A file may name the actions that the clients know, and no others.
func TestTheMixOfAFile(t *testing.T) {
	if got, want := scenario.Actions(), Actions(); !slices.Equal(got, want) {
		t.Errorf("a file may name %v, and the clients know %v", got, want)
	}
}
