"""One adapter a format: how a model is read and asked, behind one contract (``base.Adapter``)."""
