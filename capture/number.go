package capture

// Number returns what Ref.Input is in the packets of the Input.
func (in *Input) Number() uint32 { return in.options.Input }
