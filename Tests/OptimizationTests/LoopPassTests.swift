// SPDX-License-Identifier: Apache-2.0
//
// The passes that rewrite loops (`SimplifyLoops`, `HoistLoopInvariants`, `InlineSingleTripLoops`),
// one example for each thing they do, as IR text before and after.

import Optimization
import Testing

@Suite("Loop passes")
struct LoopPassTests {
  @Test("what never changes is neither carried nor stacked")
  func whatNeverChangesNeither() throws {
    try expect(
      .simplifyLoops,
      turns: """
        input %0 "x": f64[3]
        input %1 "s": f64[]
        %2 = constant{0.5 f64[]} : f64[]
        %3 = broadcast{shape [5, 3] axes []} %1 : f64[5, 3]
        %4, %5, %6, %7 = loop{"steps" trips 5 carries 2 stacked 1 save carries} %0, %0, %3, %2\
          : f64[3], f64[3], f64[5, 3], f64[5, 3]
          body "step" {
            input %0 "index": i32[]
            input %1 "x": f64[3]
            input %2 "fixed": f64[3]
            input %3 "slice": f64[3]
            input %4 "half": f64[]
            %5 = add %2, %3 : f64[3]
            %6 = broadcast{shape [3] axes []} %4 : f64[3]
            %7 = multiply %1, %6 : f64[3]
            %8 = add %7, %5 : f64[3]
            output "x" %8
            output "fixed" %2
            output "slice" %3
            output "x" %8
          }
        output "x" %4
        output "fixed" %5
        output "slice" %6
        output "trajectory" %7
        """,
      into: """
        input %0 "x": f64[3]
        input %1 "s": f64[]
        %2, %3 = loop{"steps" trips 5 carries 1 stacked 0 save carries} %0, %0, %1\
          : f64[3], f64[5, 3]
          body "step" {
            input %0 "index": i32[]
            input %1 "x": f64[3]
            input %2 "fixed": f64[3]
            input %3 "slice": f64[]
            %4 = broadcast{shape [3] axes []} %3 : f64[3]
            %5 = constant{0.5 f64[]} : f64[]
            %6 = add %2, %4 : f64[3]
            %7 = broadcast{shape [3] axes []} %5 : f64[3]
            %8 = multiply %1, %7 : f64[3]
            %9 = add %8, %6 : f64[3]
            output "x" %9
            output "x" %9
          }
        %4 = broadcast{shape [5] axes []} %1 : f64[5]
        %5 = broadcast{shape [5, 3] axes [0]} %4 : f64[5, 3]
        output "x" %2
        output "fixed" %0
        output "slice" %5
        output "trajectory" %3
        """)
  }

  @Test("operands and results that occur twice are passed once")
  func operandsResultsOccurTwice() throws {
    try expect(
      .simplifyLoops,
      turns: """
        input %0 "x": f64[3]
        input %1 "y": f64[5]
        %2, %3, %4, %5 = loop{"steps" trips 5 carries 2 stacked 2 save carries} %0, %0, %1, %1\
          : f64[3], f64[3], f64[5], f64[5]
          body "step" {
            input %0 "index": i32[]
            input %1 "a": f64[3]
            input %2 "b": f64[3]
            input %3 "y": f64[]
            input %4 "z": f64[]
            %5 = multiply %3, %4 : f64[]
            %6 = broadcast{shape [3] axes []} %5 : f64[3]
            %7 = multiply %1, %2 : f64[3]
            %8 = add %7, %6 : f64[3]
            output "a" %8
            output "b" %8
            output "square" %5
            output "y" %3
          }
        %6 = add %2, %3 : f64[3]
        output "x" %6
        output "square" %4
        output "y" %5
        """,
      into: """
        input %0 "x": f64[3]
        input %1 "y": f64[5]
        %2, %3 = loop{"steps" trips 5 carries 1 stacked 1 save carries} %0, %1 : f64[3], f64[5]
          body "step" {
            input %0 "index": i32[]
            input %1 "a": f64[3]
            input %2 "y": f64[]
            %3 = multiply %2, %2 : f64[]
            %4 = broadcast{shape [3] axes []} %3 : f64[3]
            %5 = multiply %1, %1 : f64[3]
            %6 = add %5, %4 : f64[3]
            output "a" %6
            output "square" %3
          }
        %4 = add %2, %2 : f64[3]
        output "x" %4
        output "square" %3
        output "y" %1
        """)
  }

  @Test("what depends on invariants only is computed before the loop")
  func whatDependsOnInvariants() throws {
    try expect(
      .hoistLoopInvariants,
      turns: """
        input %0 "x": f64[3]
        input %1 "rate": f64[]
        %2 = loop{"steps" trips 5 carries 1 stacked 0 save carries} %0, %1 : f64[3]
          body "step" {
            input %0 "index": i32[]
            input %1 "x": f64[3]
            input %2 "rate": f64[]
            %3 = exp %2 : f64[]
            %4 = broadcast{shape [3] axes []} %3 : f64[3]
            %5 = multiply %1, %4 : f64[3]
            output "x" %5
          }
        output "x" %2
        """,
      into: """
        input %0 "x": f64[3]
        input %1 "rate": f64[]
        %2 = exp %1 : f64[]
        %3 = loop{"steps" trips 5 carries 1 stacked 0 save carries} %0, %1, %2 : f64[3]
          body "step" {
            input %0 "index": i32[]
            input %1 "x": f64[3]
            input %2 "rate": f64[]
            input %3 "invariant3": f64[]
            %4 = broadcast{shape [3] axes []} %3 : f64[3]
            %5 = multiply %1, %4 : f64[3]
            output "x" %5
          }
        output "x" %3
        """)
  }

  @Test("a large product of small invariants is computed in the loop")
  func largeProductSmallInvariants() throws {
    try expect(
      .hoistLoopInvariants,
      turns: """
        input %0 "x": f64[100]
        input %1 "y": f64[100, 100]
        %2 = loop{"steps" trips 5 carries 1 stacked 0 save carries} %1, %0 : f64[100, 100]
          body "step" {
            input %0 "index": i32[]
            input %1 "y": f64[100, 100]
            input %2 "x": f64[100]
            %3 = broadcast{shape [100, 100] axes [0]} %2 : f64[100, 100]
            %4 = broadcast{shape [100, 100] axes [1]} %2 : f64[100, 100]
            %5 = multiply %3, %4 : f64[100, 100]
            %6 = add %1, %5 : f64[100, 100]
            output "y" %6
          }
        output "y" %2
        """,
      into: """
        input %0 "x": f64[100]
        input %1 "y": f64[100, 100]
        %2 = loop{"steps" trips 5 carries 1 stacked 0 save carries} %1, %0 : f64[100, 100]
          body "step" {
            input %0 "index": i32[]
            input %1 "y": f64[100, 100]
            input %2 "x": f64[100]
            %3 = broadcast{shape [100, 100] axes [0]} %2 : f64[100, 100]
            %4 = broadcast{shape [100, 100] axes [1]} %2 : f64[100, 100]
            %5 = multiply %3, %4 : f64[100, 100]
            %6 = add %1, %5 : f64[100, 100]
            output "y" %6
          }
        output "y" %2
        """)
  }

  @Test("a table of cosines is computed before a loop that holds arrays as large")
  func tableCosinesComputedBefore() throws {
    try expect(
      .hoistLoopInvariants,
      turns: """
        input %0 "x": f64[100, 16]
        %1 = loop{"layers" trips 5 carries 1 stacked 0 save carries} %0 : f64[100, 16]
          body "layer" {
            input %0 "index": i32[]
            input %1 "x": f64[100, 16]
            %2 = iota{axis 0 shape [100, 16]} : i32[100, 16]
            %3 = iota{axis 1 shape [100, 16]} : i32[100, 16]
            %4 = convert{f64} %2 : f64[100, 16]
            %5 = convert{f64} %3 : f64[100, 16]
            %6 = multiply %4, %5 : f64[100, 16]
            %7 = cos %6 : f64[100, 16]
            %8 = multiply %1, %7 : f64[100, 16]
            output "x" %8
          }
        output "y" %1
        """,
      into: """
        input %0 "x": f64[100, 16]
        %1 = iota{axis 0 shape [100, 16]} : i32[100, 16]
        %2 = convert{f64} %1 : f64[100, 16]
        %3 = iota{axis 1 shape [100, 16]} : i32[100, 16]
        %4 = convert{f64} %3 : f64[100, 16]
        %5 = multiply %2, %4 : f64[100, 16]
        %6 = cos %5 : f64[100, 16]
        %7 = loop{"layers" trips 5 carries 1 stacked 0 save carries} %0, %6 : f64[100, 16]
          body "layer" {
            input %0 "index": i32[]
            input %1 "x": f64[100, 16]
            input %2 "invariant2": f64[100, 16]
            %3 = multiply %1, %2 : f64[100, 16]
            output "x" %3
          }
        output "y" %7
        """)
  }

  @Test("a loop of one iteration is replaced by its body")
  func loopIterationReplacedBy() throws {
    try expect(
      .inlineSingleTripLoops,
      turns: """
        input %0 "x": f64[3]
        input %1 "y": f64[1, 3]
        %2, %3 = loop{"steps" trips 1 carries 1 stacked 1 save carries} %0, %1\
          : f64[3], f64[1, 3]
          body "step" {
            input %0 "index": i32[]
            input %1 "x": f64[3]
            input %2 "y": f64[3]
            %3 = add %1, %2 : f64[3]
            %4 = exp %2 : f64[3]
            output "x" %3
            output "e" %4
          }
        output "x" %2
        output "e" %3
        """,
      into: """
        input %0 "x": f64[3]
        input %1 "y": f64[1, 3]
        %2 = reshape{shape [3]} %1 : f64[3]
        %3 = add %0, %2 : f64[3]
        %4 = exp %2 : f64[3]
        %5 = reshape{shape [1, 3]} %4 : f64[1, 3]
        output "x" %3
        output "e" %5
        """)
  }
}
