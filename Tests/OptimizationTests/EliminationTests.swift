// SPDX-License-Identifier: Apache-2.0
//
// The passes that only remove nodes (`EliminateCommonSubexpressions`, `EliminateDeadCode`,
// `RemoveStopGradients`), as IR text before and after.

import Optimization
import Testing

@Suite("Passes that remove nodes")
struct EliminationTests {
  @Test("equal nodes are computed once, whatever the order of factors")
  func equalNodesComputedOnce() throws {
    try expect(
      .eliminateCommonSubexpressions,
      turns: """
        input %0 "x": f64[3]
        input %1 "y": f64[3]
        %2 = multiply %0, %1 : f64[3]   // a.mix:1:1
        %3 = multiply %1, %0 : f64[3]   // a.mix:2:1
        %4 = add %2, %3 : f64[3]
        output "y" %4
        """,
      into: """
        input %0 "x": f64[3]
        input %1 "y": f64[3]
        %2 = multiply %0, %1 : f64[3]   // a.mix:1:1
        %3 = add %2, %2 : f64[3]
        output "y" %3
        """)
  }

  @Test("zero and minus zero are different constants")
  func zeroMinusZeroDifferent() throws {
    try expect(
      .eliminateCommonSubexpressions,
      turns: """
        %0 = constant{0.0 f64[]} : f64[]
        %1 = constant{-0.0 f64[]} : f64[]
        %2 = subtract %0, %1 : f64[]
        output "y" %2
        """,
      into: """
        %0 = constant{0.0 f64[]} : f64[]
        %1 = constant{-0.0 f64[]} : f64[]
        %2 = subtract %0, %1 : f64[]
        output "y" %2
        """)
  }

  @Test("loops are equal if they differ in names and provenance only")
  func loopsEqualIfThey() throws {
    try expect(
      .eliminateCommonSubexpressions,
      turns: """
        input %0 "x": f64[5]
        %1 = loop{"layers" trips 5 carries 0 stacked 1 save carries} %0 : f64[5]   // a.mix:1:1
          body "layer" {
            input %0 "index": i32[]
            input %1 "x": f64[]
            %2 = exp %1 : f64[]   // a.mix:1:2
            output "y" %2
          }
        %2 = loop{"layers" trips 5 carries 0 stacked 1 save carries} %0 : f64[5]   // a.mix:2:1
          body "again" {
            input %0 "step": i32[]
            input %1 "z": f64[]
            %2 = exp %1 : f64[]   // a.mix:2:2
            output "w" %2
          }
        %3 = add %1, %2 : f64[5]
        output "y" %3
        """,
      into: """
        input %0 "x": f64[5]
        %1 = loop{"layers" trips 5 carries 0 stacked 1 save carries} %0 : f64[5]   // a.mix:1:1
          body "layer" {
            input %0 "index": i32[]
            input %1 "x": f64[]
            %2 = exp %1 : f64[]   // a.mix:1:2
            output "y" %2
          }
        %2 = add %1, %1 : f64[5]
        output "y" %2
        """)
  }

  @Test("a carry that feeds only itself and an output nobody reads are removed")
  func carryFeedsOnlyItself() throws {
    try expect(
      .eliminateDeadCode,
      turns: """
        input %0 "x": f64[3]
        input %1 "y": f64[5, 2]
        input %2 "z": f64[2]
        %3, %4, %5 = loop{"steps" trips 5 carries 1 stacked 1 save carries} %0, %1, %2\
          : f64[3], f64[5, 2], f64[5]
          body "step" {
            input %0 "index": i32[]
            input %1 "x": f64[3]
            input %2 "y": f64[2]
            input %3 "z": f64[2]
            %4 = exp %1 : f64[3]
            %5 = tanh %2 : f64[2]
            %6 = multiply %5, %3 : f64[2]
            %7 = reduce_sum{axes [0]} %6 : f64[]
            output "x" %4
            output "t" %5
            output "s" %7
          }
        output "t" %4
        """,
      into: """
        input %0 "x": f64[3]
        input %1 "y": f64[5, 2]
        input %2 "z": f64[2]
        %3 = loop{"steps" trips 5 carries 0 stacked 1 save carries} %1 : f64[5, 2]
          body "step" {
            input %0 "index": i32[]
            input %1 "y": f64[2]
            %2 = tanh %1 : f64[2]
            output "t" %2
          }
        output "t" %3
        """)
  }

  @Test("a derivative that nobody reads is not taken")
  func derivativeNobodyReadsNot() throws {
    try expect(
      .eliminateDeadCode,
      turns: """
        input %0 "x": f64[]
        input %1 "y": f64[]
        %2, %3, %4 = gradient{wrt [0, 1]} %0, %1 : f64[], f64[], f64[]
          body "loss" {
            input %0 "x": f64[]
            input %1 "y": f64[]
            %2 = multiply %0, %1 : f64[]
            output "loss" %2
          }
        output "gradient" %4
        """,
      into: """
        input %0 "x": f64[]
        input %1 "y": f64[]
        %2, %3 = gradient{wrt [1]} %0, %1 : f64[], f64[]
          body "loss" {
            input %0 "x": f64[]
            input %1 "y": f64[]
            %2 = multiply %0, %1 : f64[]
            output "loss" %2
          }
        output "gradient" %3
        """)
  }

  @Test("stop_gradient is the identity")
  func stopGradientIdentity() throws {
    try expect(
      .removeStopGradients,
      turns: """
        input %0 "x": f64[3]
        %1 = stop_gradient %0 : f64[3]
        %2 = exp %1 : f64[3]
        output "y" %2
        """,
      into: """
        input %0 "x": f64[3]
        %1 = exp %0 : f64[3]
        output "y" %1
        """)
  }
}
