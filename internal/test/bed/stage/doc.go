// Package stage is where scenarios are played: a Bed has a world, a mesh and
// applications, and what several scenarios want of them. A played scenario is
// finished here: captures are ended, side files written, the truth assembled
// and checked.
//
// What one scenario alone needs belongs to package scene.
package stage
