"""CloudFormation: templates, change sets, stacks, drift. Follows the CloudFormation User Guide and API Reference."""
