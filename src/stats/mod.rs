//! A small library of statistics on plain numbers: moments, intervals, quantiles, when to stop.
