// Package names is what names were looked up over DNS, and what addresses are
// called, as plain data.
package names
