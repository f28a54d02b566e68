//! The server: routes, JSON, who may do what, limits, the event stream. Names the facade, and nothing below it.
