"""The words every room shares: states, reasons, rules, logins, inputs and effects. Data only, nothing acts here."""
