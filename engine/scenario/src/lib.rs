//! Scenario files (`dayfly policy simulate`, `dayfly policy test`): read, played in the simulator's virtual
//! world, checked against what is expected, and drawn as a chart or an SVG picture.

pub mod chart;
pub mod expect;
pub mod file;
pub mod svg;
pub mod synthetic;
