"""How much hardware a rate of questions needs: measured costs, a simulated queue, arithmetic."""
