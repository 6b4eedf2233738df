"""What passed between the company and a lead."""
