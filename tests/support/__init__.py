"""What tests share: the operator as users run it, a separate process with exactly the rights of the chart."""
