"""One folder a step of the flow; an asset is a file, and a file is loaded by being here."""
