// Package scene is the scenarios: what real traffic through a mesh can look like.
// Run plays one by its name.
//
// A scenario is a function of a bed. How anything is done belongs below, into
// packages stage, app, mesh and world.
package scene
